package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// requestTimeout is how long a connection may take to say where it wants to go.
const requestTimeout = 5 * time.Second

// Network stands in for the network of a cluster: the API server reaches Services through it, as through a konnectivity server, by
// HTTP CONNECT to their cluster IP. The one Service that has replicas is kroguard's.
type Network struct {
	*Service
	dir string

	// cluster is where Services are looked up; nil until Attach.
	cluster atomic.Pointer[client.Client]
}

// NewNetwork listens on a socket in the folder, which is to be short: the path of a socket has 107 bytes at most.
func NewNetwork(dir string) (*Network, error) {
	n := &Network{dir: dir}
	var err error
	n.Service, err = newService("unix", filepath.Join(dir, "network"), n.connect)
	return n, err
}

// APIServerArgs are arguments by which an API server uses the network.
func (n *Network) APIServerArgs() ([]string, error) {
	path := filepath.Join(n.dir, "egress.yaml")
	config := fmt.Sprintf(`apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %s
`, n.listener.Addr())
	return []string{"--egress-selector-config-file=" + path}, os.WriteFile(path, []byte(config), 0o600)
}

// Attach says where Services are.
func (n *Network) Attach(cluster client.Client) { n.cluster.Store(&cluster) }

// connect answers a CONNECT and then joins the connection with a replica.
func (n *Network) connect(ctx context.Context, connection net.Conn) {
	_ = connection.SetReadDeadline(time.Now().Add(requestTimeout))
	request, err := http.ReadRequest(bufio.NewReader(connection))
	if err == nil && request.Method != http.MethodConnect {
		err = errors.New("only CONNECT is known here")
	}
	if err == nil {
		err = n.leadsToKroguard(ctx, request.Host)
	}
	if err != nil {
		fmt.Fprintf(connection, "HTTP/1.1 502 Bad Gateway\r\n\r\n%s\r\n", err)
		_ = connection.Close()
		return
	}
	_ = connection.SetReadDeadline(time.Time{})
	if _, err := fmt.Fprint(connection, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = connection.Close()
		return
	}
	n.forward(ctx, connection)
}

// leadsToKroguard reports whether an address is that of kroguard's Service.
func (n *Network) leadsToKroguard(ctx context.Context, address string) error {
	cluster := n.cluster.Load()
	if cluster == nil {
		return errors.New("no cluster is attached")
	}
	var services corev1.ServiceList
	if err := (*cluster).List(ctx, &services, client.InNamespace(Namespace)); err != nil {
		return err
	}
	for i := range services.Items {
		service := &services.Items[i]
		for _, port := range service.Spec.Ports {
			if port.Name == "webhook" && address == net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(int(port.Port))) {
				return nil
			}
		}
	}
	return fmt.Errorf("no Service has the address %s", address)
}
