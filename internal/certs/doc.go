// Package certs issues, keeps and serves the certificate of the webhook server, for clusters without a certificate issuer.
//
// open-policy-agent/cert-controller makes a certificate authority and a serving certificate, keeps both in one Secret and renews
// them in time; any replica may do so, and the others follow. This package adds what that leaves open: the Secret exists before
// it is needed and comes back when it is deleted; the certificate is served from memory as soon as the Secret changes, instead
// of from a mounted volume that the kubelet updates a minute later; and whoever writes the CA bundle into the webhook
// configurations is told of a new one, so that they have a single writer.
package certs
