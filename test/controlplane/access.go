package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	adminUser  = "kubernetes-admin"
	adminGroup = "system:masters"
)

// createAccess makes the keys, and what an administrator needs.
func (p *ControlPlane) createAccess() error {
	var err error
	if p.credentials, err = newCredentials(); err != nil {
		return err
	}
	if err := p.credentials.writeTo(p.file); err != nil {
		return err
	}
	if p.etcdPort, err = p.reservePort(); err != nil {
		return err
	}
	if p.apiPort, err = p.reservePort(); err != nil {
		return err
	}
	if p.admin, err = p.ConfigFor(adminUser, adminGroup); err != nil {
		return err
	}
	return writeKubeconfig(p.KubeconfigPath(), p.admin)
}

// RESTConfig is an administrator's configuration, to whom RBAC allows everything. The caller owns the
// copy.
func (p *ControlPlane) RESTConfig() *rest.Config { return rest.CopyConfig(p.admin) }

// KubeconfigPath is the same as a file for kubectl. It stays valid when parts are restarted.
func (p *ControlPlane) KubeconfigPath() string { return p.file("kubeconfig") }

// ConfigFor is the configuration of any user in any groups, by a certificate of the API server's own
// CA. The user needs no account, but RBAC allows it nothing that no binding gives. The client does not
// limit its rate: fairness is the API server's business.
func (p *ControlPlane) ConfigFor(user string, groups ...string) (*rest.Config, error) {
	pair, err := p.credentials.users.Client(user, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: "https://" + p.apiPort.Address(),
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   p.credentials.users.Cert(),
			CertData: pair.Cert,
			KeyData:  pair.Key,
		},
		QPS: -1,
	}, nil
}

// KubeconfigFor is ConfigFor as a file in the temporary folder, for programs.
func (p *ControlPlane) KubeconfigFor(user string, groups ...string) (string, error) {
	config, err := p.ConfigFor(user, groups...)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(p.dir, "kubeconfig-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, strings.NewReplacer(":", "-", "/", "-").Replace(user))
	return path, writeKubeconfig(path, config)
}

func writeKubeconfig(path string, c *rest.Config) error {
	const name = "controlplane"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("write the kubeconfig %s: %w", path, err)
	}
	return nil
}
