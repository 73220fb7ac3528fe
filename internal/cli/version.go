package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(version string) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  kroguard version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "kroguard %s (%s, %s/%s, kro %s, OPA %s, Kubernetes libraries %s)\n",
				version, runtime.Version(), runtime.GOOS, runtime.GOARCH,
				dependency("github.com/kubernetes-sigs/kro"), dependency("github.com/open-policy-agent/opa"),
				dependency("k8s.io/apiserver"))
			return err
		},
	}
}

// dependency returns the version of a module that the binary was built with.
func dependency(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return "unknown"
}
