package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
)

// report prints a table of the parts, names what ran on the real control plane and what failed, and ends with the total, alone
// on its line: "N passed, N failed", and ", N skipped" where there is any.
func report(results string, out io.Writer) error {
	parts, err := load(results)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		return errors.New("nothing ran")
	}
	printTable(parts, out)
	printReal(parts, out)

	var total Counts
	var failures []string
	for _, p := range parts {
		total.add(p.Counts)
		failures = append(failures, p.Failures...)
	}
	if len(failures) > 0 {
		fmt.Fprintln(out, "\nFailed:")
		for _, failure := range failures {
			fmt.Fprintln(out, "  "+failure)
		}
	}
	fmt.Fprintf(out, "\nEach test case counts once (a test with subtests by its subtests), each check once.\n%s\n", total)
	if total.Failed > 0 {
		return errFailed
	}
	return nil
}

func printTable(parts []Part, out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PART\tPASSED\tFAILED\tSKIPPED\tTOOK")
	for _, p := range parts {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", p.Name, p.Passed, p.Failed, p.Skipped, round(p.Took))
	}
	// Errors of the writer behind show up again in what is printed next; a table has none of its own.
	_ = table.Flush()
}

func printReal(parts []Part, out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := "\nOn the real control plane (kube-apiserver, etcd, kro):\n"
	for _, p := range parts {
		if !p.Real {
			continue
		}
		for _, pkg := range p.Packages {
			fmt.Fprintf(table, "%s  %s\t%s\t%s\n", head, pkg.Path, pkg.Counts, round(pkg.Took))
			head = ""
		}
	}
	_ = table.Flush()
}
