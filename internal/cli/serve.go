package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
)

func newServe() *cobra.Command {
	options := new(serveOptions)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the admission webhooks",
		Long: `Serves the admission webhooks, and keeps what the API server needs to call them: the webhook
configuration with a rule for every kind that an RGD generates, and the serving certificate.

It is ready (/readyz) when the configuration is loaded, the guardrails are compiled, the certificate
serves and the API server knows where to call. On SIGTERM it says that it is no longer ready, goes on
serving for --shutdown-delay, finishes what is under way, and exits; a second SIGTERM ends it at once.`,
		Example: `  # In a cluster, as the Deployment in config/ runs it
  kroguard serve

  # On this machine, for a cluster that reaches it as localhost
  kroguard serve --kubeconfig ~/.kube/config --webhook-url https://localhost:9443 --log-format text

  # kro runs under another service account
  kroguard serve --kro-user system:serviceaccount:platform:kro`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.Complete(); err != nil {
				return usageError{err}
			}
			log, err := newLogger(cmd.ErrOrStderr(), options.logLevel, options.logFormat)
			if err != nil {
				return usageError{err}
			}
			return serve(cmd.Context(), log, options)
		},
	}
	options.addFlags(cmd.Flags())
	return cmd
}

// serve runs until a signal and the drain that follows it.
func serve(parent context.Context, log logr.Logger, options *serveOptions) error {
	ctrl.SetLogger(log)
	signals, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	defer stop()
	drain := new(drain)
	mgr, err := newManager(signals, log, options, drain)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	go func() {
		<-signals.Done()
		stop() // a second signal ends the process at once
		drain.begin()
		log.Info("shutting down: no longer ready, still serving", "delay", options.shutdownDelay.String())
		select {
		case <-time.After(options.shutdownDelay):
		case <-ctx.Done():
		}
		cancel()
	}()
	log.Info("starting", "namespace", options.namespace, "webhooks", options.webhookAddress)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}
