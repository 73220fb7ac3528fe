package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// StartPod does what a kubelet does for the one container of a Deployment's Pod: it starts the real binary with the container's
// arguments and environment, and with a token of the Pod's service account. It returns without waiting for readiness.
func (h *Harness) StartPod(ctx context.Context, deployment *appsv1.Deployment, name string) (*Kroguard, error) {
	dir := filepath.Join(h.Dir(), "pod-"+name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	kubeconfig, err := h.tokenKubeconfig(ctx, deployment, dir)
	if err != nil {
		return nil, err
	}
	container := &deployment.Spec.Template.Spec.Containers[0]
	environment, err := containerEnvironment(deployment, container, dir)
	if err != nil {
		return nil, err
	}
	args := []string{"-grace", reapAfter.String(), h.binary}
	for _, arg := range container.Args {
		args = append(args, expand(arg, environment))
	}
	k := &Kroguard{LogPath: filepath.Join(h.Dir(), name+".log"), done: make(chan struct{})}
	for _, port := range container.Ports {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port.ContainerPort)))
		switch port.Name {
		case "webhook":
			k.WebhookAddress = address
		case "health":
			k.HealthAddress = address
		case "metrics":
			k.MetricsAddress = address
		case "catalog":
			k.CatalogAddress = address
		}
	}
	k.cmd = exec.Command(h.Binaries().Reaper, args...) //nolint:noctx // it outlives the call; Kill and Terminate end it
	// Nothing of this process' own: a Pod has none of it.
	k.cmd.Env = []string{"KUBECONFIG=" + kubeconfig}
	for key, value := range environment {
		k.cmd.Env = append(k.cmd.Env, key+"="+value)
	}
	return k, k.start()
}

// tokenKubeconfig is what a Pod has in its service account's volume.
func (h *Harness) tokenKubeconfig(ctx context.Context, deployment *appsv1.Deployment, dir string) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: deployment.Namespace, Name: deployment.Spec.Template.Spec.ServiceAccountName,
	}}
	request := &authenticationv1.TokenRequest{}
	if err := h.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("requesting a token of ServiceAccount %s: %w", account.Name, err)
	}
	admin := h.RESTConfig()
	const name = "pod"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: admin.Host, CertificateAuthorityData: admin.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	path := filepath.Join(dir, "kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}

// containerEnvironment is the environment of a container whose volumes lie in dir.
func containerEnvironment(deployment *appsv1.Deployment, container *corev1.Container, dir string) (map[string]string, error) {
	environment := map[string]string{}
	for _, variable := range container.Env {
		switch {
		case variable.ValueFrom == nil:
			environment[variable.Name] = variable.Value
		case variable.ValueFrom.FieldRef != nil && variable.ValueFrom.FieldRef.FieldPath == "metadata.namespace":
			environment[variable.Name] = deployment.Namespace
		default:
			return nil, fmt.Errorf("variable %s: what it is made from is not known here", variable.Name)
		}
	}
	for _, mount := range container.VolumeMounts {
		if mount.MountPath != environment["TMPDIR"] {
			return nil, errors.New("a volume at " + mount.MountPath + " is not known here")
		}
		environment["TMPDIR"] = dir
	}
	return environment, nil
}

// expand replaces $(NAME) as a kubelet does.
func expand(text string, environment map[string]string) string {
	for name, value := range environment {
		text = strings.ReplaceAll(text, "$("+name+")", value)
	}
	return text
}
