package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kroguard/kroguard/internal/doctor"
)

// loadConfig is the cluster that the kubeconfig, which may be "" for that of the environment, names as the context, which may be
// "" for the current one.
func loadConfig(kubeconfig, name string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: name}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.UserAgent = "kroguard"
	// Fairness is the API server's business (API Priority and Fairness): client-go's own limit of 5 requests a second would only
	// delay.
	config.QPS = -1
	return config, nil
}

// apiServer is asked for its version by plain HTTP, since the header with its clock is lost by clients of Kubernetes.
type apiServer struct {
	url    string
	client *http.Client
}

var _ doctor.Server = (*apiServer)(nil)

func newServer(config *rest.Config) (*apiServer, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	return &apiServer{url: base.String(), client: client}, nil
}

// Ask implements doctor.Server.
func (s *apiServer) Ask(ctx context.Context) (doctor.Answer, error) {
	answer := doctor.Answer{URL: s.url, Asked: time.Now()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/version", http.NoBody)
	if err != nil {
		return answer, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	answer.Answered = time.Now()
	if response.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("%s answered %s", request.URL, response.Status)
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		answer.Date = date
	}
	if err := json.NewDecoder(response.Body).Decode(&answer.Version); err != nil {
		return answer, fmt.Errorf("%s did not answer as an API server does: %w", request.URL, err)
	}
	return answer, nil
}

// noWarnings drops the API server's warnings.
type noWarnings struct{}

var _ rest.WarningHandler = noWarnings{}

// HandleWarningHeader implements rest.WarningHandler.
func (noWarnings) HandleWarningHeader(int, string, string) {}
