package render_test

import (
	"strconv"
	"testing"

	"github.com/kubernetes-sigs/kro/pkg/graph"
	kroruntime "github.com/kubernetes-sigs/kro/pkg/runtime"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/render/kinds"
)

// compared is one of kro's examples, ready to be rendered here and by kro's runtime.
type compared struct {
	set      *render.Set
	graph    *graph.Graph
	instance map[string]any
}

// comparedExamples are those of kro's examples that compile, each with an instance that has all fields.
func comparedExamples(tb testing.TB, options render.Options) []compared {
	tb.Helper()
	types := kinds.New(definitions(tb)...)
	var all []compared
	for _, e := range examples(tb) {
		built, err := render.KroGraph(e.definition, types)
		if err != nil {
			continue
		}
		set, err := render.NewSet(tb.Context(), []render.Definition{e.definition}, types, options, nil)
		if err != nil {
			tb.Fatal(err)
		}
		c := compared{set, built, sample(built.CRD, true)}
		if _, err := set.Render(tb.Context(), c.instance, nil); err != nil {
			continue
		}
		all = append(all, c)
	}
	return all
}

// walkWithKro renders an instance with kro's runtime, as far as that goes before anything exists.
func walkWithKro(tb testing.TB, c compared) {
	tb.Helper()
	rt, err := kroruntime.FromGraph(c.graph, render.KroConfig(),
		kroruntime.WithInstance(&unstructured.Unstructured{Object: c.instance}))
	if err != nil {
		tb.Fatal(err)
	}
	for _, node := range rt.Nodes() {
		if ignored, err := node.IsIgnored(); err != nil || ignored {
			continue
		}
		if desired, err := node.GetDesired(); err == nil {
			node.SetObserved(desired)
		}
	}
}

func renderAgain(tb testing.TB, c compared) {
	tb.Helper()
	if _, err := c.set.Render(tb.Context(), c.instance, nil); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkExamples renders an instance of each of kro's examples: with kro's runtime, here for the first time, and here
// again.
func BenchmarkExamples(b *testing.B) {
	for _, bench := range []struct {
		name    string
		options render.Options
		run     func(testing.TB, compared)
	}{
		{"kro", render.Options{}, walkWithKro},
		{"first", render.Options{CacheEntries: 1, CacheBytes: 1}, renderAgain},
		{"again", render.Options{}, renderAgain},
	} {
		b.Run(bench.name, func(b *testing.B) {
			all := comparedExamples(b, bench.options)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				for _, c := range all {
					bench.run(b, c)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(all)), "µs/instance")
		})
	}
}

// An allocation costs about the same everywhere, and unlike time, their number is the same in every run.
func TestRenderingTakesAFractionOfKrosRuntime(t *testing.T) {
	first, again := comparedExamples(t, render.Options{CacheEntries: 1, CacheBytes: 1}), comparedExamples(t, render.Options{})
	all := func(examples []compared, run func(testing.TB, compared)) float64 {
		return testing.AllocsPerRun(3, func() {
			for _, c := range examples {
				run(t, c)
			}
		})
	}
	kro, once, repeated := all(again, walkWithKro), all(first, renderAgain), all(again, renderAgain)
	t.Logf("allocations: kro %.0f, first time %.0f, again %.0f", kro, once, repeated)
	if once*2 > kro {
		t.Errorf("rendering takes %.0f allocations, kro's runtime %.0f", once, kro)
	}
	if repeated*20 > kro {
		t.Errorf("rendering again takes %.0f allocations, kro's runtime %.0f", repeated, kro)
	}
}

// BenchmarkCollections renders two collections of 1,000 elements each.
func BenchmarkCollections(b *testing.B) {
	list := make([]any, 1000)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	text := graphOf(`{a: "[]string"}`, configMap("c", "c-${a}", `{x: "${a}"}`)+forEachA+configMap("d", "d-${a}", `{x: "${a}"}`)+forEachA)
	built, err := render.KroGraph(definition(b, text), kinds.New())
	if err != nil {
		b.Fatal(err)
	}
	instance := thing(b, "{}")
	instance["spec"] = map[string]any{"a": list}
	c := compared{newSet(b, render.Options{CacheEntries: 1, CacheBytes: 1}, text), built, instance}
	b.Run("kro", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			walkWithKro(b, c)
		}
	})
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			renderAgain(b, c)
		}
	})
}

// BenchmarkCompile compiles each of kro's examples.
func BenchmarkCompile(b *testing.B) {
	all, types := examples(b), kinds.New(definitions(b)...)
	b.ResetTimer()
	for range b.N {
		for _, e := range all {
			_, _ = render.Compile(b.Context(), e.definition, types)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*len(all)), "ms/RGD")
}
