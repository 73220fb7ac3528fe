package controlplane

import (
	"context"
	"os"
	"strconv"

	"k8s.io/client-go/rest"

	"github.com/kroguard/kroguard/test/controlplane/internal/process"
)

const (
	// frontProxyUser is the one certificate name that may say, in headers, on whose behalf it asks.
	frontProxyUser = "front-proxy-client"

	// defaultNamespace is created by the API server itself, a moment after it calls itself ready.
	defaultNamespace = "/api/v1/namespaces/default"

	// auditPolicy has every request once, when it is answered, but for health checks and secrets.
	auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: [/healthz*, /livez*, /readyz*]
- level: Metadata
  resources:
  - group: ""
    resources: [secrets, serviceaccounts/token]
- level: RequestResponse
`
)

// apiServer describes a kube-apiserver as kubeadm would run it, less what needs other components.
func (p *ControlPlane) apiServer() (*part, error) {
	client, err := rest.HTTPClientFor(p.admin)
	if err != nil {
		return nil, err
	}
	args := p.apiServerArgs()
	if p.options.Audit {
		policy := p.file("audit-policy.yaml")
		if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--audit-policy-file="+policy, "--audit-log-path="+p.AuditLogPath())
	}
	return &part{
		name: APIServer,
		command: process.Command{
			Reaper: p.binaries.Reaper,
			Path:   p.binaries.APIServer,
			Args:   append(args, p.options.APIServerArgs...),
			Env:    p.environment(),
			Dir:    p.dir,
			Log:    p.LogPath(APIServer),
			Grace:  stopGrace,
		},
		ready: func(ctx context.Context) error {
			for _, path := range []string{"/readyz", defaultNamespace} {
				if err := getOK(ctx, client, p.admin.Host+path); err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

func (p *ControlPlane) apiServerArgs() []string {
	return []string{
		"--etcd-servers=" + p.etcdURL(),
		"--etcd-cafile=" + p.file("etcd-ca.crt"),
		"--etcd-certfile=" + p.file("etcd-client.crt"),
		"--etcd-keyfile=" + p.file("etcd-client.key"),

		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(p.apiPort.Number),
		"--tls-cert-file=" + p.file("apiserver.crt"),
		"--tls-private-key-file=" + p.file("apiserver.key"),
		// Otherwise it looks for an address of the default route, which a sandbox may not have, and
		// would publish it as the endpoint of the service "kubernetes". Nobody reaches services here.
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + serviceCIDR,

		"--client-ca-file=" + p.file("ca.crt"),
		"--authorization-mode=RBAC", // without Node: there are no kubelets
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-signing-key-file=" + p.file("service-account.key"),
		"--service-account-key-file=" + p.file("service-account.pub"),

		"--requestheader-client-ca-file=" + p.file("front-proxy-ca.crt"),
		"--requestheader-allowed-names=" + frontProxyUser,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + p.file("front-proxy-client.crt"),
		"--proxy-client-key-file=" + p.file("front-proxy-client.key"),

		// It refuses pods in namespaces without the ServiceAccount "default", which the
		// kube-controller-manager would create.
		"--disable-admission-plugins=ServiceAccount",
		"--allow-privileged=true",
	}
}

// environment is what every part sees: nothing of the caller's, in which etcd would find its flags
// and clients a kubeconfig or a proxy.
func (p *ControlPlane) environment() []string {
	return []string{"HOME=" + p.dir, "TMPDIR=" + p.dir, "PATH=" + os.Getenv("PATH")}
}
