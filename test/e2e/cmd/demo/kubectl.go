package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// settleTimeout is how long kro and kroguard may take to act on what was applied. It is a matter of a second or two.
const settleTimeout = 30 * time.Second

// succeeds shows a kubectl command, runs it, shows its answer, and checks that it succeeds and answers as expected.
func (d *demo) succeeds(ctx context.Context, want expect, args ...string) error {
	answer, err := d.kubectl(ctx, args)
	if err != nil {
		return fmt.Errorf("kubectl %s: %w", quote(args), err)
	}
	return want.check(answer)
}

// fails is succeeds for a command that must be refused.
func (d *demo) fails(ctx context.Context, want expect, args ...string) error {
	answer, err := d.kubectl(ctx, args)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return fmt.Errorf("kubectl %s succeeded; it was to be refused", quote(args))
	case !errors.As(err, &exit):
		return fmt.Errorf("kubectl %s: %w", quote(args), err)
	}
	return want.check(answer)
}

// kubectl runs a command and shows it with its whole answer, both streams.
func (d *demo) kubectl(ctx context.Context, args []string) (string, error) {
	cmd := d.KubectlCommand(ctx, args...)
	cmd.Dir = harness.File()
	out, err := cmd.CombinedOutput()
	d.terminal.command("kubectl "+quote(args), string(out))
	return string(out), err
}

// plans shows what kroguard plan says of an instance that would be refused.
func (d *demo) plans(ctx context.Context, want expect, file string) error {
	return d.kroguard(ctx, want, "plan", "-f", file)
}

// kroguard shows a command that may end with a refusal.
func (d *demo) kroguard(ctx context.Context, want expect, args ...string) error {
	cmd := d.KroguardCommand(ctx, args...)
	out, err := cmd.CombinedOutput()
	d.terminal.command("kroguard "+quote(args), string(out))
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("kroguard %s: %w", args[0], err)
	}
	return want.check(string(out))
}

// settle waits, unseen, for something to be ready.
func (d *demo) settle(ctx context.Context, what string, resource ...string) error {
	args := append([]string{"wait", "--for=condition=Ready", "--timeout=" + settleTimeout.String()}, resource...)
	if _, err := d.Kubectl(ctx, args...); err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return nil
}

// appears waits, unseen, for a resource that kro creates.
func (d *demo) appears(ctx context.Context, resource string) error {
	_, err := d.Kubectl(ctx, "-n", "payments-dev", "wait", "--for=create", "--timeout="+settleTimeout.String(), resource)
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", resource, err)
	}
	return nil
}

// quote renders arguments as a person would type them.
func quote(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		if strings.ContainsAny(arg, " {}\\'\"*$") {
			arg = "'" + arg + "'"
		}
		words[i] = arg
	}
	return strings.Join(words, " ")
}
