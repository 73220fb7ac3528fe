package rego

import (
	"context"

	"github.com/open-policy-agent/opa/v1/topdown"
	opaprint "github.com/open-policy-agent/opa/v1/topdown/print"
)

const (
	// maxPrintBytes is how much of one message is printed. A policy that prints its whole input is fine, one that fills the
	// log is not.
	maxPrintBytes = 16 << 10
	// maxPrintedFailures is how many failed built-ins one rule reports; one in a loop fails for each element.
	maxPrintedFailures = 10
)

// printer passes the messages of print() on.
type printer struct {
	guardrail string
	print     PrintFunc
}

var _ opaprint.Hook = (*printer)(nil)

// newPrinter yields nil where nobody listens.
func newPrinter(guardrail string, tell PrintFunc) *printer {
	if tell == nil {
		return nil
	}
	return &printer{guardrail: guardrail, print: tell}
}

// Print implements OPA's print.Hook. It keeps silent once the evaluation was given up.
func (p *printer) Print(call opaprint.Context, message string) error {
	if call.Context.Err() == nil {
		p.print(call.Context, p.guardrail, place(call.Location)+truncated(message, maxPrintBytes))
	}
	return nil
}

// printFailures reports the built-ins that failed in the rule just evaluated, and made their expression undefined.
func printFailures(ctx context.Context, guardrail string, tell PrintFunc, failures []topdown.Error) {
	for i := range failures[:min(len(failures), maxPrintedFailures)] {
		failure := &failures[i]
		message := place(failure.Location) + "taken for undefined: " + failure.Message
		tell(ctx, guardrail, truncated(message, maxPrintBytes))
	}
}
