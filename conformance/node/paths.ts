/** Where things are in the guest of the check `node`. */

export const SOCKET = '/run/containerd/containerd.sock'
/** The agent, as deploy/host installs it. */
export const AGENT_DIRECTORY = '/opt/otel-interrogator'
/** The check's own programs. */
export const CHECK_DIRECTORY = '/opt/check'
/** The objects of the base, in JSON: a guest has no kubectl. */
export const OBJECTS_FILE = `${CHECK_DIRECTORY}/objects.json`
/** Both vocabularies, and no cached collection. */
export const SETTINGS = {
  OTEL_INTERROGATOR_PROMETHEUS_NAMING: 'classic,otel',
  OTEL_INTERROGATOR_COLLECTION_MAX_AGE: '0s',
  OTEL_METRICS_EXPORTER: 'prometheus',
}
