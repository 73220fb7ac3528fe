package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// probeEvery is how often a Service asks its replicas whether they are ready; kubelets do it every few seconds.
const probeEvery = 50 * time.Millisecond

// Service stands in for a Kubernetes Service before kroguard's replicas, which needs a kubelet and a kube-proxy: new connections
// go to a replica that was ready when last asked; those under way stay where they are.
type Service struct {
	listener net.Listener
	// serve takes a connection over.
	serve func(context.Context, net.Conn)
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu       sync.Mutex
	replicas []*Kroguard
	ready    []*Kroguard
	next     int
}

// NewService listens on a free port of loopback.
func NewService() (*Service, error) { return newService("tcp", "127.0.0.1:0", nil) }

// newService is NewService at another address, with another way to take a connection over; nil sends it to a replica at once.
func newService(kind, address string, serve func(context.Context, net.Conn)) (*Service, error) {
	listener, err := net.Listen(kind, address) //nolint:noctx // it returns at once
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{listener: listener, serve: serve, stop: stop}
	if serve == nil {
		s.serve = s.forward
	}
	s.done.Go(func() { s.accept(ctx) })
	s.done.Go(func() { s.probe(ctx) })
	return s, nil
}

// URL is how the API server reaches the Service.
func (s *Service) URL() string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return "https://localhost:" + port
}

// Add puts a replica behind the Service.
func (s *Service) Add(replica *Kroguard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replicas = append(s.replicas, replica)
}

// Close ends the Service and its connections.
func (s *Service) Close() {
	s.stop()
	_ = s.listener.Close()
	s.done.Wait()
}

// probe keeps the list of ready replicas.
func (s *Service) probe(ctx context.Context) {
	for {
		s.mu.Lock()
		replicas := append([]*Kroguard(nil), s.replicas...)
		s.mu.Unlock()
		var ready []*Kroguard
		for _, replica := range replicas {
			if replica.Ready(ctx) {
				ready = append(ready, replica)
			}
		}
		s.mu.Lock()
		s.ready = ready
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(probeEvery):
		}
	}
}

func (s *Service) accept(ctx context.Context) {
	for {
		connection, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.done.Go(func() { s.serve(ctx, connection) })
	}
}

// forward joins a connection with one to the next ready replica.
func (s *Service) forward(ctx context.Context, client net.Conn) {
	defer client.Close()
	replica := s.pick()
	if replica == nil {
		return
	}
	server, err := new(net.Dialer).DialContext(ctx, "tcp", replica.WebhookAddress)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { _ = client.Close(); _ = server.Close() })
	defer stop()
	answered := make(chan struct{})
	go func() {
		_, _ = io.Copy(client, server)
		// As on a network: the client reads that nothing follows, and what it sends meanwhile is lost, which is no error to it at once.
		if half, ok := client.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		close(answered)
	}()
	_, _ = io.Copy(server, client)
	_, _ = io.Copy(io.Discard, client)
	_ = server.Close()
	<-answered
}

// pick is the next ready replica, in turn; nil where none is.
func (s *Service) pick() *Kroguard {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		return nil
	}
	s.next++
	return s.ready[s.next%len(s.ready)]
}
