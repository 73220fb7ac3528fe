package docs

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// The comments above examples; see the package comment.
const (
	markerAnswered = "answered"
	markerStored   = "stored"
	markerInput    = "input"
)

// CheckExamples checks the examples of a page.
func (p *Platform) CheckExamples(ctx context.Context, page *Page) []Problem {
	c := &examples{platform: p, page: page, objects: map[int][]*object{}}
	c.decode()
	var above []*object
	for i := range page.Blocks {
		above = append(above, c.objects[i]...)
		c.snapshot = p.snapshot(ctx, above)
		c.check(ctx, i)
	}
	return c.problems
}

// examples checks one page.
type examples struct {
	platform *Platform
	page     *Page
	// objects are those of each block, by its position.
	objects map[int][]*object
	// snapshot is what the objects of the blocks so far make.
	snapshot *review.Snapshot
	// last is the latest instance.
	last     map[string]any
	problems []Problem
}

func (c *examples) fail(block int, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.page.Name, c.page.Blocks[block].Line, fmt.Sprintf(format, args...)})
}

// decode reads the YAML of all blocks that are no outcome.
func (c *examples) decode() {
	for i, block := range c.page.Blocks {
		if block.Language != "yaml" || block.Marker == markerStored {
			continue
		}
		all, err := documents(block.Text)
		if err != nil {
			c.fail(i, "%v", err)
		}
		for _, document := range all {
			decoded, err := c.platform.decode(document)
			if err != nil {
				c.fail(i, "%v", err)
				continue
			}
			c.objects[i] = append(c.objects[i], decoded)
		}
	}
}

func (c *examples) check(ctx context.Context, i int) {
	switch block := &c.page.Blocks[i]; block.Marker {
	case "", markerAnswered:
		refusals, warnings := c.apply(ctx, i)
		if block.Marker == markerAnswered {
			c.compareAnswer(i, refusals, warnings)
		} else if len(refusals) > 0 {
			c.fail(i, "the example is refused: %s", strings.Join(refusals, "\n\t"))
		}
	case markerStored:
		c.compareStored(ctx, i)
	case markerInput:
		c.compareInput(ctx, i)
	default:
		c.fail(i, "nobody knows what the comment %q means", block.Marker)
	}
}

// apply applies the objects of a block. Only an instance whose answer is shown is judged by the page's guardrails.
func (c *examples) apply(ctx context.Context, i int) (refusals, warnings []string) {
	for _, o := range c.objects[i] {
		if o.instance == nil {
			refused, warned := c.platform.admit(ctx, o)
			if o.guardrail != nil && len(refused) == 0 {
				warned = append(warned, c.typeWarnings(ctx, i, o.guardrail)...)
			}
			refusals, warnings = append(refusals, refused...), append(warnings, warned...)
			continue
		}
		c.last = o.instance
		_, decision, err := apply(ctx, c.snapshot, o.instance)
		if err != nil {
			c.fail(i, "%v", err)
			continue
		}
		if c.page.Blocks[i].Marker == markerAnswered {
			refused, warned := judged(decision)
			refusals, warnings = append(refusals, refused...), append(warnings, warned...)
		}
	}
	return refusals, warnings
}

// typeWarnings are those of a guardrail that is let in. An example whose answer is not shown has none.
func (c *examples) typeWarnings(ctx context.Context, i int, guardrail *v1alpha1.Guardrail) []string {
	warnings, err := c.platform.typeWarnings(ctx, c.snapshot, guardrail)
	if err != nil {
		c.fail(i, "%v", err)
	}
	if c.page.Blocks[i].Marker == markerAnswered {
		return warnings
	}
	for _, warning := range warnings {
		c.fail(i, "the example is warned of: %s", warning)
	}
	return nil
}

// compareAnswer compares what is said of a block with the next text block: that has every refusal and warning, in this order
// or another, and nothing else but what kubectl puts around them.
func (c *examples) compareAnswer(i int, refusals, warnings []string) {
	at := slices.IndexFunc(c.page.Blocks[i:], func(b Block) bool { return b.Language == "text" })
	if at < 0 {
		c.fail(i, "no text block with the answer follows")
		return
	}
	said := slices.Concat(refusals, warnings)
	if len(said) == 0 {
		c.fail(i, "kroguard neither refuses the example nor warns of it")
		return
	}
	left := oneLine(c.page.Blocks[i+at].Text)
	// A message may be part of another.
	slices.SortStableFunc(said, func(a, b string) int { return len(b) - len(a) })
	for _, message := range said {
		before, after, ok := strings.Cut(left, oneLine(message))
		if !ok {
			c.fail(i, "the answer lacks: %s", message)
			continue
		}
		left = before + after
	}
	left = kubectlWords().ReplaceAllString(left, "")
	if left = strings.Trim(left, " ;"); left != "" {
		c.fail(i, "the answer has what kroguard doesn't say: %s", left)
	}
}

// kubectlWords is what kubectl and the API server say around kroguard's messages.
func kubectlWords() *regexp.Regexp {
	return regexp.MustCompile(`Error from server \(Forbidden\): error when creating "[^"]*": ` +
		`admission webhook "[a-z.]+" denied the request:|\d+ violations:|\[\d+\]|Warning:|\S+/\S+ created|;`)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
