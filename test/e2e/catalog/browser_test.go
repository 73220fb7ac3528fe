package catalog

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// pageTimeout is what a page and all that is done on it may take.
const pageTimeout = 120 * time.Second

// open starts a headless browser, which sends the token with each request; without a browser the test is skipped.
func open(t *testing.T, bearer string) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium here: install it to have the pages tested")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	)
	ctx, cancel := context.WithTimeout(t.Context(), pageTimeout)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	call(ctx, t, network.Enable, network.EnableParams{})
	call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Authorization": "Bearer " + bearer}})
	return ctx
}

// do does one after the other.
func do(ctx context.Context, t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// get does one thing, and yields what comes of it.
func get[T any](ctx context.Context, t *testing.T, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// call sends a command of the browser's protocol.
func call[P, R any](ctx context.Context, t *testing.T, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// page is the address of a page.
func page(t *testing.T, path string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(k.CatalogAddress)
	if err != nil {
		t.Fatal(err)
	}
	return "https://localhost:" + port + path
}

// waitFor waits until the page says something.
func waitFor(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	harness.Eventually(t, pageTimeout/2, func(context.Context) error {
		// A page that is being left for another one can't be asked.
		shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
		if err == nil && !strings.Contains(shown, text) {
			err = fmt.Errorf("the page lacks %q: %s", text, shown)
		}
		return err
	})
}

// TestADeveloperInTheBrowser browses, fills in the form, is refused and then admitted, and commits exactly the bytes of the page.
func TestADeveloperInTheBrowser(t *testing.T) {
	bearer := token(t, "payments", "developer")
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		_, err := names(ctx, browser(t), bearer, "/v1/namespaces")
		return err
	})
	ctx := open(t, bearer)
	do(ctx, t, chromedp.Navigate(page(t, "/")), chromedp.Click(`//a[text()="payments"]`))
	waitFor(ctx, t, "What you may create in payments")
	if listed := get(ctx, t, chromedp.Text("main")); !strings.Contains(listed, "Database") || strings.Contains(listed, "Vault") {
		t.Errorf("the catalog lists %q", listed)
	}
	do(ctx, t, chromedp.SendKeys("#q", "nothing like it"), chromedp.Submit("#q"))
	waitFor(ctx, t, "There is nothing like that here.")
	do(ctx, t, chromedp.Navigate(page(t, "/namespaces/payments")), chromedp.Click(`//h2/a[text()="Database"]`))
	waitFor(ctx, t, "Fill in what is required")
	do(ctx, t, chromedp.SendKeys(`input[name="name"]`, "browsed"), chromedp.SendKeys(`input[name="spec.engine"]`, "oracle"))
	waitFor(ctx, t, "It would be refused")
	if problem := get(ctx, t, chromedp.Text(".field.wrong .problem")); !strings.Contains(problem, "no such engine") || !strings.Contains(problem, "Take pg.") {
		t.Errorf("at the field: %q", problem)
	}
	get(ctx, t, chromedp.Evaluate[string](`document.querySelector('input[name="spec.engine"]').value = ""`))
	do(ctx, t, chromedp.SendKeys(`input[name="spec.engine"]`, "pg16"))
	waitFor(ctx, t, "It would be admitted")
	// A list has room for one more, and what is removed is left out.
	do(ctx, t, chromedp.SendKeys(`input[name="spec.users[0]"]`, "anna"), chromedp.WaitVisible(`input[name="spec.users[1]"]`),
		chromedp.SendKeys(`input[name="spec.users[1]"]`, "ben"), chromedp.WaitVisible(`input[name="spec.users[2]"]`))
	waitFor(ctx, t, "- ben")
	do(ctx, t, chromedp.Click(`//button[text()="Remove users 1"]`))
	waitFor(ctx, t, "users:\n  - ben")
	get(ctx, t, chromedp.Evaluate[bool](`navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }; true`))
	do(ctx, t, chromedp.Click("#copy"))
	waitFor(ctx, t, "Copied.")
	copied, shown := get(ctx, t, chromedp.Evaluate[string]("window.copied")), get(ctx, t, chromedp.Text("#manifest"))
	if strings.TrimSpace(copied) != strings.TrimSpace(shown) || !strings.Contains(copied, "engine: pg16\n") {
		t.Errorf("copied is %q, shown %q", copied, shown)
	}
	h.MustRun(t, copied, "create", "-f", "-", "--as", "system:serviceaccount:payments:developer")
	t.Cleanup(func() {
		if _, err := h.Run(context.Background(), "", "delete", "database", "browsed", "-n", "payments", "--wait=false"); err != nil {
			t.Error(err)
		}
	})
	if size := h.MustRun(t, "", "get", "database", "browsed", "-n", "payments", "-o", "jsonpath={.spec.size} {.spec.engine}"); size != "large pg16" {
		t.Errorf("the API server has %q", size)
	}
}

// TestTheFormWorksWithoutScript sends the form as it is.
func TestTheFormWorksWithoutScript(t *testing.T) {
	ctx := open(t, token(t, "payments", "developer"))
	call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	do(ctx, t, chromedp.Navigate(page(t, "/namespaces/payments/database")),
		chromedp.SendKeys(`input[name="spec.engine"]`, "oracle"), chromedp.Click(`button[type="submit"]`),
		chromedp.WaitVisible(`//h2[text()="It would be refused"]`))
}

// violation is what axe-core finds.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// TestEverybodyCanUseThePages has axe-core look at each page, in light and dark, wide and narrow.
func TestEverybodyCanUseThePages(t *testing.T) {
	found, err := filepath.Glob(harness.File(".cache", "axe-core-*", "axe.min.js"))
	if err != nil || len(found) == 0 {
		t.Skip("there is no axe-core here: .ci/browser fetches it")
	}
	script, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx := open(t, token(t, "payments", "developer"))
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1200, 360} {
			for _, path := range []string{
				"/", "/namespaces/payments?all=true", "/namespaces/payments/database", "/namespaces/payments/database?spec.engine=oracle&spec.replicas=x",
				"/namespaces/payments/database?spec.engine=oracle",
			} {
				call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
				})
				do(ctx, t, chromedp.EmulateViewport(width, 900), chromedp.Navigate(page(t, path)), chromedp.WaitReady("main"))
				get(ctx, t, chromedp.Evaluate[bool](string(script)+"; true"))
				violations := get(ctx, t, chromedp.Evaluate[[]violation](`axe.run().then(found => found.violations)`, chromedp.EvalAwaitPromise))
				overflows := get(ctx, t, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`))
				for i := range violations {
					t.Errorf("%s, %s, %d wide: %s: %s: %+v", path, scheme, width, violations[i].ID, violations[i].Help, violations[i].Nodes)
				}
				if overflows {
					t.Errorf("%s, %d wide: the page is wider than the window", path, width)
				}
			}
		}
	}
}
