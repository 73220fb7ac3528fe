package controlplane

import (
	"context"

	"k8s.io/client-go/rest"

	"github.com/kroguard/kroguard/test/controlplane/internal/process"
)

// etcd describes a cluster of one member that forgets everything with the temporary folder.
func (p *ControlPlane) etcd() (*part, error) {
	url := p.etcdURL()
	client, err := rest.HTTPClientFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{
		CAFile:   p.file("etcd-ca.crt"),
		CertFile: p.file("etcd-client.crt"),
		KeyFile:  p.file("etcd-client.key"),
	}})
	if err != nil {
		return nil, err
	}
	args := []string{
		"--data-dir=" + p.file("etcd"),
		// The machine's crash, the only thing that fsync protects from, takes the temporary folder with it.
		"--unsafe-no-fsync",
		// A cluster of one elects itself as soon as this passes: a second, by default.
		"--heartbeat-interval=20",
		"--election-timeout=100", // both in milliseconds
		"--log-level=warn",
		// Certificates both ways: other users of the machine can reach loopback ports, too.
		"--listen-client-urls=" + url,
		"--advertise-client-urls=" + url,
		"--client-cert-auth",
		"--trusted-ca-file=" + p.file("etcd-ca.crt"),
		"--cert-file=" + p.file("etcd.crt"),
		"--key-file=" + p.file("etcd.key"),
		// There are no peers, but etcd insists on listening for them: on any port, as nobody is told.
		"--listen-peer-urls=https://127.0.0.1:0",
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + p.file("etcd-ca.crt"),
		"--peer-cert-file=" + p.file("etcd.crt"),
		"--peer-key-file=" + p.file("etcd.key"),
	}
	return &part{
		name: Etcd,
		command: process.Command{
			Reaper: p.binaries.Reaper,
			Path:   p.binaries.Etcd,
			Args:   append(args, p.options.EtcdArgs...),
			Env:    p.environment(),
			Dir:    p.dir,
			Log:    p.LogPath(Etcd),
			Grace:  stopGrace,
			// By far the largest thing in the temporary folder, and of no use to anybody.
			RemoveIfOrphaned: p.file("etcd"),
		},
		ready: func(ctx context.Context) error { return getOK(ctx, client, url+"/health") },
	}, nil
}

func (p *ControlPlane) etcdURL() string { return "https://" + p.etcdPort.Address() }
