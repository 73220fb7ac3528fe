package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

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

// tool fills the cache with a program that no control plane needs, and prints its path and nothing else.
func tool(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") || !slices.Contains(binaries.Tools(), binaries.Tool(args[0])) {
		return fmt.Errorf("%w: tool: give one of %s", errUsage, strings.Trim(fmt.Sprint(binaries.Tools()), "[]"))
	}
	path, err := binaries.EnsureTool(ctx, binaries.Options{Progress: stderr}, binaries.Tool(args[0]))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, path)
	return err
}
