package doctor

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// Status says how a check went.
type Status string

// The statuses, from best to worst.
const (
	// StatusOK says that all is as it should be.
	StatusOK Status = "ok"
	// StatusSkipped says that it could not be told, or that there is nothing to tell.
	StatusSkipped Status = "skipped"
	// StatusWarning says that it works, and that something wants looking at.
	StatusWarning Status = "warning"
	// StatusProblem says that something does not work.
	StatusProblem Status = "problem"
)

// Result is what a check says. The names of its fields, and of checks, are stable.
type Result struct {
	// Check is the check's name.
	Check string `json:"check"`
	// Status is the worst of the findings'; ok without any.
	Status Status `json:"status"`
	// Summary is one line: what was found to be so, or the first finding.
	Summary string `json:"summary"`
	// Findings are never nil.
	Findings []Finding `json:"findings"`
}

// Finding is one thing that is not as it should be, or could not be told.
type Finding struct {
	Status  Status `json:"status"`
	Message string `json:"message"`
	// Remedy says what to do; empty where nothing is to be done.
	Remedy string `json:"remedy,omitempty"`
}

func problem(remedy, format string, args ...any) Finding {
	return Finding{Status: StatusProblem, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

func warning(remedy, format string, args ...any) Finding {
	return Finding{Status: StatusWarning, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

func skipped(remedy, format string, args ...any) Finding {
	return Finding{Status: StatusSkipped, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

// newResult takes the status of the worst finding, and the first of these as the summary where there is none.
func newResult(check, summary string, findings []Finding) Result {
	result := Result{Check: check, Status: StatusOK, Summary: summary, Findings: findings}
	if findings == nil {
		result.Findings = []Finding{}
	}
	worst := 0
	for i, finding := range findings {
		if rank(finding.Status) > rank(result.Status) {
			result.Status, worst = finding.Status, i
		}
	}
	if summary == "" && len(findings) > 0 {
		result.Summary = findings[worst].Message
	}
	return result
}

func rank(status Status) int {
	switch status {
	case StatusProblem:
		return 3
	case StatusWarning:
		return 2
	case StatusSkipped:
		return 1
	default:
		return 0
	}
}

// Count counts the results of a status.
func Count(results []Result, status Status) int {
	count := 0
	for i := range results {
		if results[i].Status == status {
			count++
		}
	}
	return count
}

// access is what is read, as kubectl auth can-i names it.
type access struct {
	verb, resource, namespace string
}

func (a access) String() string {
	if a.namespace != "" {
		return a.verb + " " + a.resource + " in " + a.namespace
	}
	return a.verb + " " + a.resource
}

// ask says how to come by a right.
func (a access) ask() string {
	command := "kubectl auth can-i " + a.verb + " " + a.resource
	if a.namespace != "" {
		command += " -n " + a.namespace
	}
	return fmt.Sprintf("ask an administrator to run this, or for the right; you have it when %q says yes", command)
}

// failure is the finding of what could not be read.
func failure(err error, wanted access) Finding {
	switch {
	case apierrors.IsForbidden(err):
		return skipped(wanted.ask(), "you may not %s", wanted)
	case absent(err):
		return skipped("", "there are no %s in this cluster", wanted.resource)
	case errors.Is(err, context.DeadlineExceeded):
		return problem("give more time with --timeout", "no time was left to %s", wanted)
	default:
		return problem("run it again; if it stays, look at the API server", "could not %s: %v", wanted, err)
	}
}

// absent reports whether there is no such object, or no such kind.
func absent(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }
