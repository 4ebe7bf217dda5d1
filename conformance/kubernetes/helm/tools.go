//go:build tools

// What is built of the module that this one requires.
package helm

import _ "helm.sh/helm/v3/cmd/helm"
