package plan

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func decode(text []byte) (map[string]any, error) {
	var object map[string]any
	if err := utiljson.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return object, nil
}

// style colors text, or leaves it.
type style struct{ colored bool }

const (
	red, green, yellow, faint, bold = "31", "32", "33", "2", "1"
)

func (s style) paint(color, text string) string {
	if !s.colored || text == "" {
		return text
	}
	return "\033[" + color + "m" + text + "\033[0m"
}

// WriteText writes the plan for people, in color where the reader can see it.
func (p *Plan) WriteText(out io.Writer, colored bool) error {
	s := style{colored}
	var text strings.Builder
	text.WriteString(s.paint(bold, p.title()) + "\n")
	changes, err := p.changes(s)
	if err != nil {
		return err
	}
	text.WriteString(changes)
	for _, skipped := range p.Skipped {
		fmt.Fprintf(&text, "%s %s of %s is left out: %s\n", s.paint(yellow, "!"), skipped.Field, skipped.Source, skipped.Reason)
	}
	text.WriteString("\n")
	p.tree(&text, s)
	text.WriteString("\n")
	p.verdict(&text, s)
	_, err = io.WriteString(out, text.String())
	return err
}

func (p *Plan) title() string {
	name := nameOf(p.Admitted)
	offering := "no offering"
	if p.Offering != "" {
		offering = "offering " + p.Offering
	}
	if p.Project != "" {
		offering += ", project " + p.Project
	}
	return name + ": " + offering
}

// nameOf is an object as "WebApp payments/shop".
func nameOf(object map[string]any) string {
	kind, _ := object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if generate, _ := metadata["generateName"].(string); name == "" && generate != "" {
		name = generate + "*"
	}
	if namespace, _ := metadata["namespace"].(string); namespace != "" {
		name = namespace + "/" + name
	}
	return strings.TrimSuffix(kind+" "+name, " ")
}

// changes is the difference that admission makes.
func (p *Plan) changes(s style) (string, error) {
	before, err := yaml.Marshal(p.Submitted)
	if err != nil {
		return "", fmt.Errorf("writing the instance: %w", err)
	}
	after, err := yaml.Marshal(p.Admitted)
	if err != nil {
		return "", fmt.Errorf("writing the instance: %w", err)
	}
	difference := string(diff.Diff("as written", before, "as admitted", after))
	if difference == "" {
		return "Admission adds nothing.\n", nil
	}
	var text strings.Builder
	for line := range strings.Lines(difference) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "diff "):
			continue
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			line = s.paint(bold, line)
		case strings.HasPrefix(line, "@@"):
			line = s.paint(faint, line)
		case strings.HasPrefix(line, "+"):
			line = s.paint(green, line)
		case strings.HasPrefix(line, "-"):
			line = s.paint(red, line)
		}
		text.WriteString(line + "\n")
	}
	return text.String(), nil
}

// tree draws the resources, those of nested instances below them.
func (p *Plan) tree(text *strings.Builder, s style) {
	if p.RenderError != "" {
		fmt.Fprintf(text, "%s %s\n", s.paint(red, "Nobody can tell what it becomes:"), p.RenderError)
		return
	}
	fmt.Fprintf(text, "%s\n", s.paint(bold, p.summary()))
	for i := range p.Resources {
		r := &p.Resources[i]
		depth := strings.Count(r.Node, "/")
		branch, trunk := p.lines(i, depth)
		fmt.Fprintf(text, "%s%s  %s  %s", branch, r.Node[strings.LastIndex(r.Node, "/")+1:], r.name(), s.paint(r.color(), string(r.State)))
		if r.Offering != "" {
			text.WriteString("  offering " + r.Offering)
		}
		text.WriteString("\n")
		for _, note := range r.notes() {
			fmt.Fprintf(text, "%s  %s\n", trunk, s.paint(faint, note))
		}
	}
}

// lines are what is drawn before a resource, and before what is noted of it.
func (p *Plan) lines(i, depth int) (branch, trunk string) {
	var above strings.Builder
	for level := range depth {
		above.WriteString(p.trunk(i, level))
	}
	branch = "└─ "
	if p.continues(i, depth) {
		branch = "├─ "
	}
	return above.String() + branch, above.String() + p.trunk(i, depth)
}

// trunk is what is drawn at a level below a resource.
func (p *Plan) trunk(i, level int) string {
	if p.continues(i, level) {
		return "│  "
	}
	return "   "
}

// continues reports whether a resource of the level follows before one further up.
func (p *Plan) continues(i, level int) bool {
	for _, r := range p.Resources[i+1:] {
		if depth := strings.Count(r.Node, "/"); depth <= level {
			return depth == level
		}
	}
	return false
}

func (p *Plan) summary() string {
	counts := map[policies.ResourceState]int{}
	for i := range p.Resources {
		counts[p.Resources[i].State]++
	}
	var parts []string
	for _, state := range []policies.ResourceState{
		policies.ResourceResolved, policies.ResourcePartial, policies.ResourceUnknown, policies.ResourceSkipped, policies.ResourceExternal,
	} {
		if n := counts[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	switch len(p.Resources) {
	case 0:
		return "It becomes nothing else."
	case 1:
		return "It becomes 1 resource: " + parts[0]
	}
	return fmt.Sprintf("It becomes %d resources: %s", len(p.Resources), strings.Join(parts, ", "))
}

func (r *Resource) name() string {
	if r.Object != nil {
		return r.APIVersion + " " + nameOf(r.Object)
	}
	return r.APIVersion + " " + r.Kind
}

func (r *Resource) color() string {
	switch r.State {
	case policies.ResourceResolved:
		return green
	case policies.ResourcePartial, policies.ResourceUnknown:
		return yellow
	default:
		return faint
	}
}

// notes are what else there is to say of a resource: why it is as it is, which fields wait, its labels but for kro's own.
func (r *Resource) notes() []string {
	var notes []string
	if r.Reason != "" && len(r.Unresolved) == 0 {
		notes = append(notes, r.Reason)
	}
	for i := range r.Unresolved {
		waits := "what is not there yet"
		if len(r.Unresolved[i].WaitsFor) > 0 {
			waits = fmt.Sprintf("%q", r.Unresolved[i].WaitsFor)
			waits = strings.Trim(strings.ReplaceAll(waits, `" "`, `", "`), "[]")
		}
		notes = append(notes, r.Unresolved[i].Path+" waits for "+waits)
	}
	metadata, _ := r.Object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	var shown []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if prefix, _, ok := strings.Cut(key, "/"); !ok || !strings.HasSuffix(prefix, "kro.run") && prefix != "applyset.kubernetes.io" {
			shown = append(shown, fmt.Sprintf("%s=%v", key, labels[key]))
		}
	}
	if len(shown) > 0 {
		notes = append(notes, "labels "+strings.Join(shown, ", "))
	}
	return notes
}

func (p *Plan) verdict(text *strings.Builder, s style) {
	if p.Allowed {
		text.WriteString(s.paint(green, "It would be admitted.") + "\n")
	} else {
		fmt.Fprintf(text, "%s %s\n", s.paint(red, "It would be refused:"), p.Message)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(text, "%s %s\n", s.paint(yellow, "Warning:"), warning)
	}
	for i := range p.Verdict.Audited {
		fmt.Fprintf(text, "%s %s\n", s.paint(faint, string(v1alpha1.ActionAudit)+":"), p.Verdict.Audited[i])
	}
}

// WriteResources writes the rendered resources as a stream of YAML documents, each as it would be applied; what nobody can tell yet is
// left out, and noted in a comment.
func (p *Plan) WriteResources(out io.Writer) error {
	if p.RenderError != "" {
		return fmt.Errorf("%s: nobody can tell what it becomes: %s", nameOf(p.Admitted), p.RenderError)
	}
	for i := range p.Resources {
		r := &p.Resources[i]
		var text strings.Builder
		fmt.Fprintf(&text, "---\n# node %s, %s\n", r.Node, r.State)
		for j := range r.Unresolved {
			fmt.Fprintf(&text, "# %s waits for ${%s}\n", r.Unresolved[j].Path, oneLine(strings.Join(r.Unresolved[j].Expressions, "}, ${")))
		}
		if r.Object == nil {
			fmt.Fprintf(&text, "# %s\n", oneLine(r.APIVersion+" "+r.Kind+": "+r.Reason))
		} else {
			object, err := yaml.Marshal(r.Object)
			if err != nil {
				return fmt.Errorf("writing node %s: %w", r.Node, err)
			}
			text.Write(object)
		}
		if _, err := io.WriteString(out, text.String()); err != nil {
			return err
		}
	}
	return nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
