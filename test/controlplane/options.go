package controlplane

import (
	"github.com/kroguard/kroguard/test/controlplane/binaries"
)

// Options says what to start. The zero value starts everything.
type Options struct {
	// WithoutKro leaves out kro's controller and its CustomResourceDefinitions.
	WithoutKro bool

	// WithControllerManager starts the kube-controller-manager, too, with the controllers that do something where there are no nodes:
	// the garbage collector, and those of namespaces and service accounts.
	WithControllerManager bool

	// APIServerArgs, EtcdArgs and KroArgs are appended to the programs' arguments; where a flag is
	// given twice the last one counts.
	APIServerArgs []string
	EtcdArgs      []string
	KroArgs       []string

	// Audit has the API server write every request, with both bodies and the patches of admission
	// webhooks, to AuditLogPath.
	Audit bool

	// LogDir is a folder for the logs of this control plane alone, created if need be and kept whatever
	// happens. By default logs are in the temporary folder and are kept only after a failure.
	LogDir string

	// Binaries says where the programs come from. Its WithoutKro is overruled by the one above.
	Binaries binaries.Options
}
