//go:build tools

// What is built of the module that this one requires.
package operator

import _ "github.com/prometheus-operator/prometheus-operator/cmd/operator"
