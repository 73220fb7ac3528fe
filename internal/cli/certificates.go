package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kroguard/kroguard/internal/certs"
)

// certificateOptions are the flags of serve about who issues the serving certificate, and who may connect.
type certificateOptions struct {
	provider     string
	issuer       string
	clientCAFile string
	clientNames  []string

	issuerRef certs.IssuerRef
	clientCAs *x509.CertPool
}

func (o *certificateOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.provider, "certificates", string(certs.SelfSigned), "who issues the serving certificate: self-signed, cert-manager, or provided (somebody keeps the Secret)")
	flags.StringVar(&o.issuer, "cert-issuer", "", "cert-manager's `issuer`, as Issuer/name or ClusterIssuer/name; default: one that kroguard makes, with a CA of its own")
	flags.StringVar(&o.clientCAFile, "client-ca-file", "", "`file` with a CA: let only clients with a certificate of it call the webhooks, as the API server's")
	flags.StringSliceVar(&o.clientNames, "client-name", nil, "common `name` of a client's certificate; repeat for several; default: any that the CA signed")
}

// Complete returns every flag that is wrong.
func (o *certificateOptions) Complete() error {
	var errs []error
	if !slices.Contains(certs.Providers(), certs.Provider(o.provider)) {
		errs = append(errs, fmt.Errorf("--certificates: %q is none of self-signed, cert-manager, provided", o.provider))
	}
	var err error
	if o.issuerRef, err = certs.ParseIssuer(o.issuer); err != nil {
		errs = append(errs, fmt.Errorf("--cert-issuer: %w", err))
	}
	if o.issuer != "" && o.provider != string(certs.CertManager) {
		errs = append(errs, errors.New("--cert-issuer is for --certificates cert-manager"))
	}
	if len(o.clientNames) > 0 && o.clientCAFile == "" {
		errs = append(errs, errors.New("--client-name is for --client-ca-file"))
	}
	if o.clientCAFile != "" {
		bundle, err := os.ReadFile(o.clientCAFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("--client-ca-file: %w", err))
		} else if o.clientCAs = x509.NewCertPool(); !o.clientCAs.AppendCertsFromPEM(bundle) {
			errs = append(errs, fmt.Errorf("--client-ca-file: %s holds no certificate in PEM", o.clientCAFile))
		}
	}
	return errors.Join(errs...)
}

// configure has the webhook server let in only the clients that it should.
func (o *certificateOptions) configure(config *tls.Config) {
	if o.clientCAs == nil {
		return
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, o.clientCAs
	if len(o.clientNames) == 0 {
		return
	}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if name := state.PeerCertificates[0].Subject.CommonName; !slices.Contains(o.clientNames, name) {
			return fmt.Errorf("client %q is none of %s (--client-name)", name, strings.Join(o.clientNames, ", "))
		}
		return nil
	}
}
