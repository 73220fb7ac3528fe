package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// readyTimeout is how long kroguard may take until /readyz is 200, certificate issuance included.
	readyTimeout = 60 * time.Second
	// exitTimeout is how long kroguard may take to drain and exit after a SIGTERM.
	exitTimeout = 30 * time.Second
	// reapAfter is how long it may take once this process is gone, when nobody waits for an orderly end.
	reapAfter = 3 * time.Second
	pollEvery = 50 * time.Millisecond
)

// Kroguard is a running kroguard process.
type Kroguard struct {
	// WebhookAddress and the others are host:port on loopback.
	WebhookAddress, HealthAddress, MetricsAddress, CatalogAddress string
	// LogPath is where its log goes.
	LogPath string

	cmd   *exec.Cmd
	owner io.Closer
	pid   int
	done  chan struct{}
}

// KroguardOptions say how to run kroguard. The zero value is one replica that the API server calls directly.
type KroguardOptions struct {
	// Name keeps the logs of several replicas apart; "kroguard" if empty.
	Name string
	// WebhookURL is how the API server reaches the webhooks; the process's own address if empty.
	WebhookURL string
	// Args are further flags.
	Args []string
}

// StartKroguard starts a kroguard process and returns without waiting for readiness. Stop it with Kill or Terminate; it ends
// with this process in any case.
func (h *Harness) StartKroguard(options KroguardOptions) (*Kroguard, error) {
	if options.Name == "" {
		options.Name = "kroguard"
	}
	ports, err := FreePorts(4)
	if err != nil {
		return nil, err
	}
	k := &Kroguard{
		WebhookAddress: ports[0], HealthAddress: ports[1], MetricsAddress: ports[2], CatalogAddress: ports[3],
		LogPath: filepath.Join(h.Dir(), options.Name+".log"),
		done:    make(chan struct{}),
	}
	if options.WebhookURL == "" {
		_, port, _ := net.SplitHostPort(k.WebhookAddress)
		options.WebhookURL = "https://localhost:" + port
	}
	args := append([]string{
		"-grace", reapAfter.String(), h.binary, "serve",
		"--kubeconfig", h.kubeconfig, "--namespace", Namespace,
		"--webhook-address", k.WebhookAddress, "--webhook-url", options.WebhookURL,
		"--health-address", k.HealthAddress, "--metrics-address", k.MetricsAddress, "--catalog-address", k.CatalogAddress,
		"--log-format", "text", "--shutdown-delay", "1s",
	}, options.Args...)
	k.cmd = exec.Command(h.Binaries().Reaper, args...) //nolint:noctx // it outlives the call; Kill and Terminate end it
	return k, k.start()
}

// StartReadyKroguard is StartKroguard, returning when the replica is ready.
func (h *Harness) StartReadyKroguard(ctx context.Context, options KroguardOptions) (*Kroguard, error) {
	k, err := h.StartKroguard(options)
	if err != nil {
		return nil, err
	}
	return k, k.WaitReady(ctx)
}

func (k *Kroguard) start() error {
	logFile, err := os.OpenFile(k.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening kroguard's log: %w", err)
	}
	defer logFile.Close() // the child has its own descriptor
	k.cmd.Stderr = logFile
	stdin, err := k.cmd.StdinPipe()
	if err != nil {
		return err
	}
	k.owner = stdin
	stdout, err := k.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := k.cmd.Start(); err != nil {
		return fmt.Errorf("starting kroguard: %w", err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return fmt.Errorf("starting kroguard: %w", err)
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(line), "pid ")
	if !ok {
		return fmt.Errorf("starting kroguard: %s", line)
	}
	if k.pid, err = strconv.Atoi(text); err != nil {
		return fmt.Errorf("starting kroguard: %w", err)
	}
	go func() {
		_ = k.cmd.Wait()
		close(k.done)
	}()
	return nil
}

// WaitReady returns when /readyz is 200, or with the end of the log.
func (k *Kroguard) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		if k.Ready(ctx) {
			return nil
		}
		select {
		case <-k.done:
			return fmt.Errorf("kroguard exited before it was ready:\n%s", k.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("kroguard is not ready after %s:\n%s", readyTimeout, k.LogTail())
		case <-time.After(pollEvery):
		}
	}
}

// Ready reports whether /readyz is 200.
func (k *Kroguard) Ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.HealthAddress+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// CatalogURL is where the catalog is.
func (k *Kroguard) CatalogURL() string {
	_, port, _ := net.SplitHostPort(k.CatalogAddress)
	return "https://localhost:" + port
}

// PID is the process id.
func (k *Kroguard) PID() int { return k.pid }

// Kill ends the process as a crash would, and returns when it is gone.
func (k *Kroguard) Kill() error { return k.end(syscall.SIGKILL) }

// Terminate asks the process to drain and exit, and returns when it is gone.
func (k *Kroguard) Terminate() error { return k.end(syscall.SIGTERM) }

func (k *Kroguard) end(signal syscall.Signal) error {
	if err := syscall.Kill(k.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signaling kroguard: %w", err)
	}
	select {
	case <-k.done:
		return nil
	case <-time.After(exitTimeout):
		_ = k.owner.Close()
		return fmt.Errorf("kroguard did not exit within %s after %s:\n%s", exitTimeout, signal, k.LogTail())
	}
}

// EndWith kills the process at the end of a test, which shows the end of its log if it failed.
func (k *Kroguard) EndWith(tb testing.TB) {
	tb.Helper()
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the end of %s:\n%s", k.LogPath, k.LogTail())
		}
		_ = k.Kill()
	})
}

// LogTail is the end of the process's log.
func (k *Kroguard) LogTail() string {
	const lines = 40
	text, err := os.ReadFile(k.LogPath)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// FreePorts finds addresses on loopback that nobody listens on.
func FreePorts(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer listener.Close() //nolint:revive // all are held until all are found, so that they differ
		addresses[i] = listener.Addr().String()
	}
	return addresses, nil
}
