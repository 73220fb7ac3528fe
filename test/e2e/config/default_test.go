package config

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/cli"
	"github.com/kroguard/kroguard/test/controlplane"
)

const (
	defaultDir = "../../../config/default"
	namespace  = "kroguard-system"
)

// The control plane on which config/default has been applied, and what kubectl said, set by TestMain before any test runs.
var (
	plane          *controlplane.ControlPlane
	admin          client.Client
	firstOut, warn string
)

func TestMain(m *testing.M) {
	os.Exit(controlplane.Main(m, controlplane.Options{WithoutKro: true}, func(p *controlplane.ControlPlane) error {
		plane = p
		var err error
		if firstOut, warn, err = apply(context.Background()); err != nil {
			return err
		}
		admin, err = client.New(p.RESTConfig(), client.Options{})
		return err
	}))
}

// apply applies config/default and returns what kubectl said to either output.
func apply(ctx context.Context) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	cmd := plane.KubectlCommand(ctx, "apply", "-k", defaultDir)
	cmd.Stdout, cmd.Stderr = &out, io.MultiWriter(&errOut, os.Stderr)
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

// The API server warns of a Pod that the namespace's own security level would refuse, and of deprecated fields.
func TestDefaultIsAcceptedWithoutAWarning(t *testing.T) {
	want := `namespace/kroguard-system created
customresourcedefinition.apiextensions.k8s.io/guardrailexceptions.kroguard.io created
customresourcedefinition.apiextensions.k8s.io/guardrails.kroguard.io created
customresourcedefinition.apiextensions.k8s.io/projects.kroguard.io created
serviceaccount/kroguard created
role.rbac.authorization.k8s.io/kroguard created
clusterrole.rbac.authorization.k8s.io/kroguard created
rolebinding.rbac.authorization.k8s.io/kroguard created
clusterrolebinding.rbac.authorization.k8s.io/kroguard created
service/kroguard-webhook created
priorityclass.scheduling.k8s.io/kroguard created
deployment.apps/kroguard created
poddisruptionbudget.policy/kroguard created
`
	if diff := cmp.Diff(want, firstOut); diff != "" {
		t.Errorf("kubectl apply -k config/default (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("", warn); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestDefaultAppliedAgainIsUnchanged(t *testing.T) {
	out, _, err := apply(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(firstOut, " created\n", " unchanged\n")
	// The selector's patch strategy is "replace", so kubectl always sends it, and reports any request as a change.
	want = strings.Replace(want, "poddisruptionbudget.policy/kroguard unchanged", "poddisruptionbudget.policy/kroguard configured", 1)
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("kubectl apply -k config/default, again (-want +got):\n%s", diff)
	}
}

func TestServiceAndDisruptionBudgetFindThePods(t *testing.T) {
	var deployment appsv1.Deployment
	var service corev1.Service
	var budget policyv1.PodDisruptionBudget
	get(t, "kroguard", &deployment)
	get(t, "kroguard-webhook", &service)
	get(t, "kroguard", &budget)

	pod := deployment.Spec.Template
	if !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels)) {
		t.Errorf("the Service selects %v, the Pods have %v", service.Spec.Selector, pod.Labels)
	}
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	if !selector.Matches(labels.Set(pod.Labels)) {
		t.Errorf("the PodDisruptionBudget selects %v, the Pods have %v", selector, pod.Labels)
	}
	ports := map[string]int32{}
	for _, port := range pod.Spec.Containers[0].Ports {
		ports[port.Name] = port.ContainerPort
	}
	if diff := cmp.Diff(map[string]int32{"webhook": 9443, "metrics": 8080, "health": 8081, "catalog": 8444}, ports); diff != "" {
		t.Errorf("ports of the Pods (-want +got):\n%s", diff)
	}
	if target := service.Spec.Ports[0].TargetPort.StrVal; ports[target] == 0 {
		t.Errorf("the Service's target port %q is no port of the Pods", target)
	}
}

// A flag that the binary does not know would show only when the Pod crashes.
func TestDeploymentUsesFlagsThatExist(t *testing.T) {
	var deployment appsv1.Deployment
	get(t, "kroguard", &deployment)
	args := deployment.Spec.Template.Spec.Containers[0].Args
	var out, errOut bytes.Buffer
	// Flags are parsed in order, so --help at the end shows the help only if all before it are right.
	if code := (cli.Build{Version: "test"}).Main(append(args[:len(args):len(args)], "--help"), strings.NewReader(""), &out, &errOut); code != 0 {
		t.Errorf("kroguard %s --help: exit code %d: %s", strings.Join(args, " "), code, errOut.String())
	}
}

func get(t *testing.T, name string, object client.Object) {
	t.Helper()
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		t.Fatal(err)
	}
}
