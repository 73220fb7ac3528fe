package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/kroguard/kroguard/test/controlplane/binaries"
)

// build fills the cache and prints where everything is.
func build(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if err := parse(flag.NewFlagSet("build", flag.ContinueOnError), args, stdout); err != nil {
		return err
	}
	paths, err := binaries.Ensure(ctx, binaries.Options{Progress: stderr})
	if err != nil {
		return err
	}
	for _, line := range []struct{ name, path string }{
		{"etcd", paths.Etcd},
		{"kube-apiserver", paths.APIServer},
		{"kubectl", paths.Kubectl},
		{"kro", paths.Kro},
		{"kro's CRDs", paths.KroCRDs},
		{"reaper", paths.Reaper},
	} {
		fmt.Fprintf(stdout, "%-15s %s\n", line.name, line.path)
	}
	return nil
}

// assets fills the cache and prints a folder for KUBEBUILDER_ASSETS, and nothing else.
func assets(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if err := parse(flag.NewFlagSet("assets", flag.ContinueOnError), args, stdout); err != nil {
		return err
	}
	dir, err := binaries.Assets(ctx, binaries.Options{Progress: stderr})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, dir)
	return err
}
