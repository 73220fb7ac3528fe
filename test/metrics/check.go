package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/kroguard/kroguard/internal/telemetry"
)

// targetLabels are those that Prometheus adds to each series of a target.
func targetLabels() []string {
	return []string{"instance", "job", "namespace", "pod", "service", "container"}
}

// Check returns what is wrong with PromQL expressions: what does not parse, metrics that are not described, and labels that a
// metric does not have. Metrics that aren't under kroguard_ are unknown, too.
func Check(described []telemetry.Metric, expressions ...string) []string {
	series := map[string][]string{}
	for _, metric := range described {
		if metric.Type != telemetry.TypeHistogram {
			series[metric.Name] = metric.Labels
			continue
		}
		series[metric.Name+"_bucket"] = append(slices.Clone(metric.Labels), labels.BucketLabel)
		series[metric.Name+"_sum"], series[metric.Name+"_count"] = metric.Labels, metric.Labels
	}
	var problems []string
	for _, expression := range expressions {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", expression, err))
			continue
		}
		c := checker{series: series}
		c.check(parsed)
		for _, problem := range c.problems {
			problems = append(problems, expression+": "+problem)
		}
	}
	return problems
}

type checker struct {
	series   map[string][]string
	problems []string
}

func (c *checker) report(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// check checks an expression and returns the labels that its series may have.
func (c *checker) check(node parser.Node) map[string]bool {
	if selector, ok := node.(*parser.VectorSelector); ok {
		return c.selector(selector)
	}
	known := map[string]bool{}
	for child := range parser.ChildrenIter(node) {
		maps.Copy(known, c.check(child))
	}
	if aggregation, ok := node.(*parser.AggregateExpr); ok {
		for _, label := range aggregation.Grouping {
			if !known[label] {
				c.report("no metric in %s has label %s", aggregation.Expr, label)
			}
		}
		if !aggregation.Without {
			maps.DeleteFunc(known, func(label string, _ bool) bool { return !slices.Contains(aggregation.Grouping, label) })
		}
	}
	if call, ok := node.(*parser.Call); ok && call.Func.Name == "histogram_quantile" && !known[labels.BucketLabel] {
		c.report("%s has no label le left", call.Args[1])
	}
	return known
}

func (c *checker) selector(selector *parser.VectorSelector) map[string]bool {
	known := map[string]bool{}
	for _, label := range targetLabels() {
		known[label] = true
	}
	have, ok := c.series[selector.Name]
	if !ok {
		c.report("there is no metric %s", selector.Name)
		return known
	}
	for _, label := range have {
		known[label] = true
	}
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name != model.MetricNameLabel && !known[matcher.Name] {
			c.report("%s has no label %s, it has %s", selector.Name, matcher.Name, strings.Join(have, ", "))
		}
	}
	return known
}
