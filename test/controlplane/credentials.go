package controlplane

import (
	"errors"
	"os"

	"github.com/kroguard/kroguard/test/controlplane/internal/pki"
)

// serviceIP is the first address of serviceCIDR, which Kubernetes gives to the service "kubernetes".
const (
	serviceCIDR = "10.0.0.0/24"
	serviceIP   = "10.0.0.1"
)

// credentials are the keys of one control plane. Three authorities, as in production: holding a
// certificate of one must not open the doors of another.
type credentials struct {
	users      *pki.Authority // and the API server's own certificate
	etcd       *pki.Authority
	frontProxy *pki.Authority // of the aggregation layer
}

func newCredentials() (*credentials, error) {
	var c credentials
	for name, authority := range map[string]**pki.Authority{
		"kubernetes":  &c.users,
		"etcd":        &c.etcd,
		"front-proxy": &c.frontProxy,
	} {
		var err error
		if *authority, err = pki.NewAuthority(name); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// writeTo writes what etcd and the API server read. path maps a file name to where it goes.
func (c *credentials) writeTo(path func(string) string) error {
	apiServer, err := c.users.Server("127.0.0.1", "localhost", serviceIP,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	if err != nil {
		return err
	}
	etcd, err := c.etcd.Server("127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	etcdClient, err := c.etcd.Client("kube-apiserver")
	if err != nil {
		return err
	}
	frontProxyClient, err := c.frontProxy.Client(frontProxyUser)
	if err != nil {
		return err
	}
	tokenKey, tokenPublicKey, err := pki.NewSigningKey()
	if err != nil {
		return err
	}
	var errs []error
	for name, content := range map[string][]byte{
		"ca.crt":                 c.users.Cert(),
		"apiserver.crt":          apiServer.Cert,
		"apiserver.key":          apiServer.Key,
		"etcd-ca.crt":            c.etcd.Cert(),
		"etcd.crt":               etcd.Cert,
		"etcd.key":               etcd.Key,
		"etcd-client.crt":        etcdClient.Cert,
		"etcd-client.key":        etcdClient.Key,
		"front-proxy-ca.crt":     c.frontProxy.Cert(),
		"front-proxy-client.crt": frontProxyClient.Cert,
		"front-proxy-client.key": frontProxyClient.Key,
		"service-account.key":    tokenKey,
		"service-account.pub":    tokenPublicKey,
	} {
		errs = append(errs, os.WriteFile(path(name), content, 0o600))
	}
	return errors.Join(errs...)
}
