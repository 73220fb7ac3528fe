package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/kroguard/kroguard/test/controlplane"
)

// up runs a control plane until ctx ends or a part of it does.
func up(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o controlplane.Options
	o.Binaries.Progress = stderr
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.BoolVar(&o.WithoutKro, "without-kro", false, "leave kro out")
	flags.BoolVar(&o.Audit, "audit", false, "write every request, with bodies and webhook patches, to an audit log")
	flags.StringVar(&o.LogDir, "log-dir", "", "keep the logs in this `folder`")
	flags.Func("apiserver-arg", "an `argument` for kube-apiserver, as in --apiserver-arg=--v=4; may be repeated", appendTo(&o.APIServerArgs))
	flags.Func("kro-arg", "an `argument` for kro's controller; may be repeated", appendTo(&o.KroArgs))
	if err := parse(flags, args, stdout); err != nil {
		return err
	}

	started := time.Now()
	plane, err := controlplane.Start(ctx, o)
	if err != nil {
		return err
	}
	describe(stdout, plane, o, time.Since(started))
	err = plane.Wait(ctx)
	if err != nil {
		fmt.Fprintln(stderr, plane.LogTails())
		fmt.Fprintf(stderr, "The logs are kept in %s\n", plane.KeepLogs())
	}
	return errors.Join(err, plane.Stop())
}

func appendTo(list *[]string) func(string) error {
	return func(value string) error {
		*list = append(*list, value)
		return nil
	}
}

func describe(out io.Writer, plane *controlplane.ControlPlane, o controlplane.Options, took time.Duration) {
	fmt.Fprintf(out, "ready after %s at %s\n\n", took.Round(time.Second/10), plane.RESTConfig().Host)
	fmt.Fprintf(out, "  export KUBECONFIG=%s\n", plane.KubeconfigPath())
	fmt.Fprintf(out, "  kubectl is %s\n", plane.Binaries().Kubectl)
	fmt.Fprintf(out, "  logs are in %s\n", plane.LogDir())
	if o.Audit {
		fmt.Fprintf(out, "  the audit log is %s\n", plane.AuditLogPath())
	}
	fmt.Fprintln(out, "\nCtrl-C stops it and deletes everything but a --log-dir.")
}
