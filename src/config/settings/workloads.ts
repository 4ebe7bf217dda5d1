/** Settings of who containers and pods are, and where their cgroups stand. */
import { BOOLEAN, listOf, oneOf, TEXT, textLike } from '../types.ts'
import { type SettingTable, setting } from './setting.ts'

/** A path, or the same as a URL, as the kubelet's own flag has it. */
const SOCKET = textLike('the path of a socket, or unix:// and the path', (text) =>
  /^(?:unix:\/\/)?\//.test(text),
)

export const WORKLOAD_SETTINGS: SettingTable = {
  'workloads.sources': setting({
    doc: 'Who is asked for names of containers and pods, in this order; auto asks those that are there.',
    type: listOf(oneOf('auto', 'cri', 'kubelet', 'kubernetes', 'docker', 'podman', 'none')),
    default: ['auto'],
  }),
  'workloads.cri_socket': setting({
    doc: "Socket of the container runtime (CRI); without it the usual ones are tried. Whoever may use it may do anything on the node: the agent's code can only list.",
    type: SOCKET,
    default: undefined,
    variables: ['CONTAINER_RUNTIME_ENDPOINT'],
  }),
  'workloads.kubelet': setting({
    doc: "Address of this node's kubelet, to ask it for its pods: needs the right to get nodes/pods.",
    type: textLike('HOST or HOST:PORT', (text) => /^[^/\s]+$/.test(text)),
    default: undefined,
  }),
  'workloads.kubelet_insecure': setting({
    doc: 'Whether any certificate of the kubelet is taken; whoever stands between can read the token then.',
    type: BOOLEAN,
    default: false,
  }),
  'workloads.labels': setting({
    doc: 'Labels of pods that rules may use; all others are dropped where they arrive.',
    type: listOf(TEXT),
    default: ['app', 'app.kubernetes.io/name'],
  }),
  'workloads.annotations': setting({
    doc: 'Annotations of pods that rules may use.',
    type: listOf(TEXT),
    default: [],
  }),
}
