package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// maxClockSkew is how far the two clocks may be apart. Exceptions end, and certificates begin and end, by the clock.
const maxClockSkew = 30 * time.Second

// rgdCRD is the CRD of kro's ResourceGraphDefinition.
const rgdCRD = "resourcegraphdefinitions.kro.run"

// SupportedKubernetes are the minor versions of Kubernetes that kroguard is tested with.
func SupportedKubernetes() []string { return []string{"1.36", "1.37"} }

// SupportedKro are the minor versions of kro that kroguard is tested with.
func SupportedKro() []string { return []string{"0.9"} }

func examineServer(answer Answer, err error) (string, []Finding) {
	if err != nil {
		return "", []Finding{problem("check the kubeconfig and --context: kubectl cluster-info",
			"the API server was not reached: %v", err)}
	}
	text := answer.Version.GitVersion + " at " + answer.URL
	if !slices.Contains(SupportedKubernetes(), minor(answer.Version.GitVersion)) {
		return text, []Finding{warning("use one of these versions, or try kroguard well before you rely on it",
			"Kubernetes %s is none of the versions that kroguard is tested with: %s",
			answer.Version.GitVersion, strings.Join(SupportedKubernetes(), ", "))}
	}
	return text, nil
}

// minor is "1.36" of "v1.36.3-eks-1"; "" of what is no version.
func minor(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "." + strings.TrimRight(parts[1], "+")
}

func examineClock(answer Answer) (string, []Finding) {
	if answer.Date.IsZero() {
		return "", []Finding{skipped("", "the API server does not tell the time")}
	}
	// The Date header cuts off fractions of a second, and was written somewhere between asking and answering.
	var skew time.Duration
	switch early, late := answer.Asked.Sub(answer.Date.Add(time.Second)), answer.Date.Sub(answer.Answered); {
	case early > 0:
		skew = early
	case late > 0:
		skew = late
	}
	skew = skew.Round(time.Second)
	if skew <= maxClockSkew {
		return "it differs from the API server's by less than " + maxClockSkew.String(), nil
	}
	return "", []Finding{warning("synchronize this machine's clock, or the control plane's: timedatectl",
		"this machine's clock and the API server's are %s apart: ends of exceptions and certificates are told wrongly", skew)}
}

// kinds are kroguard's own.
func (e *examination) kinds(ctx context.Context) (string, []Finding) {
	const apply = "helm upgrade with crds.enabled=true, or kubectl apply --server-side -k config/crd"
	var findings []Finding
	names := []string{"guardrailexceptions", "guardrails", "projects"}
	for _, plural := range names {
		findings = append(findings, e.served(ctx, plural+"."+v1alpha1.GroupName, v1alpha1.GroupVersion.Version, apply)...)
	}
	if len(findings) > 0 {
		return "", findings
	}
	return strings.Join(names, ", ") + " are served", nil
}

func (e *examination) kro(ctx context.Context) (string, []Finding) {
	const install = "install kro: https://kro.run/docs/getting-started/installation"
	if findings := e.served(ctx, rgdCRD, "v1alpha1", install); findings != nil {
		return "", findings
	}
	return "resourcegraphdefinitions are served", nil
}

// served finds out about a CRD; nil where it is established and serves the version.
func (e *examination) served(ctx context.Context, name, version, remedy string) []Finding {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	err := e.Client.Get(ctx, client.ObjectKey{Name: name}, crd)
	if absent(err) {
		return []Finding{problem(remedy, "CustomResourceDefinition %s is not there", name)}
	}
	if err != nil {
		return []Finding{failure(err, access{verb: "get", resource: "customresourcedefinitions"})}
	}
	return examineCRD(crd, version, remedy)
}

func examineCRD(crd *apiextensionsv1.CustomResourceDefinition, version, remedy string) []Finding {
	established := slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
	if !established {
		return []Finding{problem("kubectl describe crd "+crd.Name, "CustomResourceDefinition %s is not established", crd.Name)}
	}
	serves := slices.ContainsFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == version && v.Served
	})
	if !serves {
		return []Finding{problem(remedy, "CustomResourceDefinition %s does not serve version %s", crd.Name, version)}
	}
	return nil
}

// kroVersion reads it from the image of kro's Deployment, which nothing else tells.
func (e *examination) kroVersion(ctx context.Context) (string, []Finding) {
	list := &appsv1.DeploymentList{}
	if err := e.Client.List(ctx, list, client.MatchingLabels{"app.kubernetes.io/name": "kro"}); err != nil {
		return "", []Finding{failure(err, access{verb: "list", resource: "deployments.apps"})}
	}
	return examineKroVersion(list.Items)
}

func examineKroVersion(deployments []appsv1.Deployment) (string, []Finding) {
	var tags []string
	var findings []Finding
	for i := range deployments {
		for _, container := range deployments[i].Spec.Template.Spec.Containers {
			tag := tagOf(container.Image)
			if tag == "" || !strings.Contains(container.Image, "kro") {
				continue
			}
			tag = strings.TrimPrefix(tag, "v")
			tags = append(tags, tag)
			if !slices.Contains(SupportedKro(), minor(tag)) {
				tested := strings.Join(SupportedKro(), ", ")
				findings = append(findings, warning("use kro "+tested+", or try kroguard well before you rely on it",
					"Deployment %s/%s runs kro %s; kroguard is tested with %s", deployments[i].Namespace, deployments[i].Name, tag, tested))
			}
		}
	}
	if len(tags) == 0 {
		return "", []Finding{skipped("",
			"no Deployment with the label app.kubernetes.io/name=kro tells kro's version by the tag of its image")}
	}
	return "kro " + strings.Join(tags, ", "), findings
}

// tagOf is the tag of an image; "" where a digest alone, or nothing, names its version.
func tagOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	// A colon before the last slash is that of a registry's port.
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return tag
}
