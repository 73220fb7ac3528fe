package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/catalog"
)

func printAs(out io.Writer, format string, value any) error {
	if format == outputYAML {
		text, err := yaml.Marshal(value)
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func printOfferings(out io.Writer, namespace string, items []catalog.Offering, all bool) error {
	if len(items) == 0 {
		_, err := fmt.Fprintf(out, "There is nothing for namespace %s; --all shows what there is for others.\n", namespace)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	header := "NAME\tTITLE\tCATEGORY\tKIND"
	if all {
		header += "\tALLOWED"
	}
	fmt.Fprintln(table, header)
	for i := range items {
		o := &items[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s", o.Name, o.Title, o.Category, o.API.Kind)
		if all && o.Allowed {
			fmt.Fprint(table, "\tyes")
		}
		if !o.Allowed {
			fmt.Fprintf(table, "\tno: %s", strings.Join(o.Reasons, "; "))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// printDetail writes all of an offering for people.
func printDetail(out io.Writer, namespace string, d *catalog.Detail) error {
	printHead(out, namespace, d)
	if err := printTables(out, d); err != nil {
		return err
	}
	if d.CreatesError != "" {
		fmt.Fprintf(out, "\nNobody can tell what it becomes: %s\n", d.CreatesError)
	}
	if len(d.ExtendedBy) > 0 {
		fmt.Fprintf(out, "\nExtended by: %s\n", strings.Join(d.ExtendedBy, ", "))
	}
	if d.Examples.Minimal != "" {
		fmt.Fprintf(out, "\nThe smallest manifest:\n\n%s", d.Examples.Minimal)
	}
	return nil
}

func printHead(out io.Writer, namespace string, d *catalog.Detail) {
	fmt.Fprintf(out, "%s: %s\n", d.Name, d.Title)
	if d.Description != "" {
		fmt.Fprintln(out, d.Description)
	}
	fmt.Fprintf(out, "\n%s/%s %s", d.API.Group, d.API.Version, d.API.Kind)
	if d.Category != "" {
		fmt.Fprintf(out, ", category %s", d.Category)
	}
	if d.DocsURL != "" {
		fmt.Fprintf(out, ", %s", d.DocsURL)
	}
	fmt.Fprintln(out)
	if d.Deprecated != "" {
		fmt.Fprintln(out, "Deprecated:", d.Deprecated)
	}
	if d.Allowed {
		fmt.Fprintf(out, "It is allowed in namespace %s.\n", namespace)
	} else {
		fmt.Fprintf(out, "It is not allowed in namespace %s: %s.\n", namespace, strings.Join(d.Reasons, "; "))
	}
}

// printTables writes what is filled in, the guardrails and what an instance becomes.
func printTables(out io.Writer, d *catalog.Detail) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	if err := printValues(table, "Filled in where an instance says nothing", d.Defaults); err != nil {
		return err
	}
	if err := printValues(table, "Labels", d.Labels); err != nil {
		return err
	}
	if len(d.Guardrails) > 0 {
		fmt.Fprint(table, "\nGuardrails:\n")
	}
	for i := range d.Guardrails {
		g := &d.Guardrails[i]
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", strings.TrimSpace(g.Source+" "+g.Name), g.Severity, g.Action, g.Title)
	}
	if len(d.Creates) > 0 {
		fmt.Fprint(table, "\nIt becomes:\n")
	}
	for i := range d.Creates {
		c := &d.Creates[i]
		fmt.Fprintf(table, "  %s\t%s\t%d\n", c.Kind, c.APIVersion, c.Count)
	}
	return table.Flush()
}

func printValues(out io.Writer, title string, values []catalog.Value) error {
	if len(values) > 0 {
		fmt.Fprintf(out, "\n%s:\n", title)
	}
	for _, v := range values {
		text, err := json.Marshal(v.Value)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %s\t%s\t%s\n", v.Field, text, v.Source)
	}
	return nil
}
