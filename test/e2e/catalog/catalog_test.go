package catalog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// browser asks the catalog over TLS, with the CA that kroguard keeps.
func browser(t *testing.T) *http.Client {
	t.Helper()
	encoded := h.MustRun(t, "", "get", "secret", "kroguard-webhook-cert", "-n", harness.Namespace, "-o", `jsonpath={.data.ca\.crt}`)
	bundle, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		t.Fatalf("no certificate in %q", encoded)
	}
	return &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
	}}
}

// token is a new one of a ServiceAccount.
func token(t *testing.T, namespace, name string) string {
	t.Helper()
	return strings.TrimSpace(h.MustRun(t, "", "create", "token", name, "-n", namespace))
}

// ask yields the status and the body of an answer.
func ask(ctx context.Context, client *http.Client, token, target string) (int, []byte, error) {
	_, port, err := net.SplitHostPort(k.CatalogAddress)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost:"+port+target, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// names are those of a list, or the status of another answer.
func names(ctx context.Context, client *http.Client, token, target string) (string, error) {
	status, body, err := ask(ctx, client, token, target)
	if err != nil || status != http.StatusOK {
		return strconv.Itoa(status), err
	}
	var list struct {
		Items []struct {
			Name    string   `json:"name"`
			Reasons []string `json:"reasons"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return "", err
	}
	var all []string
	for _, item := range list.Items {
		name := item.Name
		if len(item.Reasons) > 0 {
			name += "!"
		}
		all = append(all, name)
	}
	return strings.Join(all, " "), nil
}

func TestEachCallerSeesWhatTheyMayCreate(t *testing.T) {
	client := browser(t)
	const payments, shop = "/v1/namespaces/payments/offerings", "/v1/namespaces/shop/offerings"
	for _, caller := range []struct {
		namespace, name string
		want            map[string]string
	}{
		{"payments", "developer", map[string]string{"/v1/namespaces": "payments", payments: "database", payments + "?all=true": "database vault!", shop: "404"}},
		{"shop", "builder", map[string]string{"/v1/namespaces": "", payments: "404", shop: "vault", shop + "/database": "404"}},
		{"default", "nobody", map[string]string{"/v1/namespaces": "", payments: "404", shop: "404", payments + "/database": "404"}},
		{"default", "admin", map[string]string{payments: "database", shop: "database vault"}},
		{"", "", map[string]string{"/v1/namespaces": "401", payments: "401", shop + "/database/manifest": "401"}},
	} {
		bearer := ""
		if caller.name != "" {
			bearer = token(t, caller.namespace, caller.name)
		}
		for target, want := range caller.want {
			harness.Eventually(t, eventually, func(ctx context.Context) error {
				got, err := names(ctx, client, bearer, target)
				if err == nil && got != want {
					err = fmt.Errorf("%s sees %q at %s, want %q", caller.name, got, target, want)
				}
				return err
			})
		}
	}
	if status, body, err := ask(t.Context(), client, "not-a-token", "/v1/namespaces"); status != http.StatusUnauthorized || err != nil {
		t.Errorf("a wrong token: %d %s %v", status, body, err)
	}
}

// TestAnswersFollowRights gives a right and takes it away: the catalog follows within the time that answers are kept.
func TestAnswersFollowRights(t *testing.T) {
	client, bearer := browser(t), token(t, "default", "nobody")
	sees := func(want string) {
		t.Helper()
		harness.Eventually(t, eventually, func(ctx context.Context) error {
			got, err := names(ctx, client, bearer, "/v1/namespaces/shop/offerings")
			if err == nil && got != want {
				err = fmt.Errorf("sees %q, want %q", got, want)
			}
			return err
		})
	}
	sees("404")
	h.MustRun(t, "", "create", "rolebinding", "late", "-n", "shop", "--role=builder", "--serviceaccount=default:nobody")
	sees("vault")
	h.MustRun(t, "", "delete", "rolebinding", "late", "-n", "shop")
	sees("404")
}

// TestTheManifestIsWhatTheAPIServerTakes commits exactly the bytes that the catalog gives, and finds what it previewed.
func TestTheManifestIsWhatTheAPIServerTakes(t *testing.T) {
	client, bearer := browser(t), token(t, "payments", "developer")
	target := func(engine, replicas, more string) string {
		query := url.Values{"name": {"orders"}, "spec.engine": {engine}, "spec.replicas": {replicas}}
		return "/v1/namespaces/payments/offerings/database/manifest?" + query.Encode() + more
	}
	type preview struct {
		Allowed  bool           `json:"allowed"`
		Message  string         `json:"message"`
		Instance map[string]any `json:"instance"`
	}
	previewed := func(target string) preview {
		t.Helper()
		status, body, err := ask(t.Context(), client, bearer, target)
		if err != nil || status != http.StatusOK {
			t.Fatalf("%d %s %v", status, body, err)
		}
		var p preview
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	as := []string{"--as", "system:serviceaccount:payments:developer"}
	for _, wrong := range [][2]string{{"oracle", "1"}, {"pg16", "9"}} {
		p := previewed(target(wrong[0], wrong[1], "&preview=true"))
		_, manifest, err := ask(t.Context(), client, bearer, target(wrong[0], wrong[1], ""))
		if err != nil {
			t.Fatal(err)
		}
		answer := h.MustRefuse(t, string(manifest), append([]string{"create", "-f", "-"}, as...)...)
		if p.Allowed || !strings.Contains(answer, p.Message) {
			t.Errorf("the API server says %q, the catalog %+v", answer, p)
		}
	}
	p := previewed(target("pg16", "2", "&preview=true"))
	_, manifest, err := ask(t.Context(), client, bearer, target("pg16", "2", ""))
	if err != nil || !p.Allowed {
		t.Fatalf("%v %+v", err, p)
	}
	h.MustRun(t, string(manifest), append([]string{"create", "-f", "-"}, as...)...)
	t.Cleanup(func() {
		if _, err := h.Run(context.Background(), "", "delete", "database", "orders", "-n", "payments", "--wait=false"); err != nil {
			t.Error(err)
		}
	})
	var stored map[string]any
	if err := json.Unmarshal([]byte(h.MustRun(t, "", "get", "database", "orders", "-n", "payments", "-o", "json")), &stored); err != nil {
		t.Fatal(err)
	}
	for _, path := range [][]string{{"spec"}, {"metadata", "labels"}} {
		want, got := part(p.Instance, path), part(stored, path)
		for key, value := range want {
			if fmt.Sprint(got[key]) != fmt.Sprint(value) {
				t.Errorf("%v: %s is %v, previewed as %v", path, key, got[key], value)
			}
		}
		if len(want) == 0 {
			t.Errorf("%v: nothing was previewed", path)
		}
	}
	h.MustRun(t, "", "wait", "--for=create", "configmap/orders", "-n", "payments", "--timeout="+eventually.String())
}

func part(object map[string]any, path []string) map[string]any {
	for _, name := range path {
		object, _ = object[name].(map[string]any)
	}
	return object
}

// TestAsAPluginOfKubectl runs the program by kubectl, as it is found by its name.
func TestAsAPluginOfKubectl(t *testing.T) {
	kroguard := h.KroguardCommand(t.Context(), "catalog", "-n", "shop")
	folder := t.TempDir()
	if err := os.Symlink(kroguard.Path, filepath.Join(folder, "kubectl-kroguard")); err != nil {
		t.Fatal(err)
	}
	plugin := exec.CommandContext(t.Context(), h.Binaries().Kubectl, append([]string{"kroguard"}, kroguard.Args[1:]...)...)
	plugin.Env = append(os.Environ(), "PATH="+folder, "KUBECONFIG="+h.KubeconfigPath())
	out, err := plugin.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "database") || !strings.Contains(string(out), "vault") {
		t.Errorf("%v: %s", err, out)
	}
}
