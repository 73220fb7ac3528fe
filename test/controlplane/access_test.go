package controlplane_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsersHaveTheRightsThatRBACGives(t *testing.T) {
	kubeconfig, err := plane.KubeconfigFor("alice", "developers")
	if err != nil {
		t.Fatal(err)
	}
	if out := kubectl(t, plane, "--kubeconfig", kubeconfig, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username} {.status.userInfo.groups}"); out != `alice ["developers","system:authenticated"]` {
		t.Errorf("alice is %s", out)
	}
	list := []string{"--kubeconfig", kubeconfig, "-n", "default", "get", "configmaps"}
	if _, err := plane.Kubectl(t.Context(), list...); err == nil || !strings.Contains(err.Error(), "Forbidden") {
		t.Errorf("a user without rights got %v", err)
	}
	kubectl(t, plane, "-n", "default", "create", "role", "reader", "--verb=list", "--resource=configmaps")
	kubectl(t, plane, "-n", "default", "create", "rolebinding", "readers", "--role=reader", "--group=developers")
	eventually(t, func() error {
		_, err := plane.Kubectl(t.Context(), list...)
		return err
	})
}

func TestServiceAccountTokensAuthenticate(t *testing.T) {
	kubectl(t, plane, "-n", "default", "create", "serviceaccount", "robot")
	token := strings.TrimSpace(kubectl(t, plane, "-n", "default", "create", "token", "robot"))
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, plane.RESTConfig().CAData, 0o600); err != nil {
		t.Fatal(err)
	}
	out := kubectl(t, plane, "--kubeconfig", os.DevNull, "--server", plane.RESTConfig().Host, "--certificate-authority", ca, "--token", token,
		"auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
	if out != "system:serviceaccount:default:robot" {
		t.Errorf("the token authenticates as %s", out)
	}
}

const webhookConfiguration = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: refuse-all
webhooks:
- name: refuse-all.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  clientConfig:
    url: %s
    caBundle: %s
  rules:
  - apiGroups: [""]
    apiVersions: [v1]
    resources: [configmaps]
    operations: [CREATE]
  namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: refused
`

func TestWebhooksOnLoopbackAreCalled(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(refuse))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	kubectl(t, plane, "create", "namespace", "refused")
	apply(t, plane, fmt.Sprintf(webhookConfiguration, server.URL, base64.StdEncoding.EncodeToString(ca)))
	eventually(t, func() error { // the configuration takes effect within a second or so
		_, err := plane.Kubectl(t.Context(), "-n", "refused", "create", "configmap", "any", "--dry-run=server")
		if err == nil {
			return errors.New("the webhook should refuse")
		}
		if !strings.Contains(err.Error(), "because the test says so") {
			return fmt.Errorf("the webhook should refuse: got %w", err)
		}
		return nil
	})
}

// refuse is an admission webhook.
func refuse(w http.ResponseWriter, r *http.Request) {
	var review map[string]any
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, _ := review["request"].(map[string]any)
	delete(review, "request")
	review["response"] = map[string]any{
		"uid": request["uid"], "allowed": false, "status": map[string]any{"message": "because the test says so"},
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		panic(http.ErrAbortHandler) // the API server went away
	}
}
