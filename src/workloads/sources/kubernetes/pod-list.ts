/** Reads one page of a PodList (core/v1) in JSON. */
import { array, object, text } from './json.ts'
import { PeerError } from './peer-error.ts'

/** `metadata` of a list (meta/v1 `ListMeta`). */
export interface ListMetadata {
  /** The version that a watch goes on from. */
  readonly resourceVersion: string | undefined
  /** The token of the next page; undefined on the last one. */
  readonly next: string | undefined
}

/**
 * Reads a page whole and hands over its pods. A page is bounded by `limit` at an API server and by the pods of one
 * node at a kubelet, so that it needs no parser that works in pieces.
 *
 * @param url for messages.
 * @param body the answer, chunk by chunk.
 * @throws PeerError `garbage` when the answer is not a PodList; what `body` throws.
 */
export async function readPodList(
  url: string,
  body: AsyncIterable<Buffer>,
  onPod: (pod: unknown) => void,
): Promise<ListMetadata> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  const list = object(parse(url, Buffer.concat(chunks).toString('utf8')))
  // A kubelet without pods says null.
  const isList = list.kind === 'PodList' && (list.items === null || Array.isArray(list.items))
  const pods = array(list.items)
  if (!isList || pods.some((pod) => object(pod) !== pod)) throw garbage(url)
  for (const pod of pods) onPod(pod)
  const { resourceVersion, continue: next } = object(list.metadata)
  return { resourceVersion: text(resourceVersion), next: text(next) }
}

function parse(url: string, json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // The parser's own message quotes the text, which may hold secrets.
    throw garbage(url)
  }
}

function garbage(url: string): PeerError {
  return new PeerError('garbage', `${url} answered something that is not a list of pods`)
}
