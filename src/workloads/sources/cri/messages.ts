/** What four answers of the CRI say: package `runtime.v1`, kubernetes/cri-api api.proto. */
import { message, readFields, text } from '../../../lib/protobuf-reader.ts'

/** `VersionResponse`. */
export interface RuntimeVersion {
  name: string
  version: string
}

/** `PodSandbox`, as far as it is used. */
export interface Sandbox {
  id: string
  name: string
  uid: string
  namespace: string
  isReady: boolean
  labels: Map<string, string>
  annotations: Map<string, string>
}

/** `Container` of the list, as far as it is used. */
export interface ListedContainer {
  id: string
  sandboxId: string
  name: string
  /** As in the pod's specification where the runtime knows that. */
  image: string
  /** `ContainerState`: created 0, running 1, exited 2, unknown 3. */
  state: number
  /** Nanoseconds since the epoch. */
  createdAt: number
}

/** `Image`, as far as it is used. */
export interface Image {
  /** `sha256:` and the digest of its configuration. */
  id: string
  /** `NAME:TAG`, complete with the registry; none for an image that is known by digest only. */
  tags: string[]
  /** `NAME@sha256:DIGEST`. */
  digests: string[]
}

/**
 * Decodes a VersionResponse.
 *
 * @throws ProtobufError
 */
export function readVersion(bytes: Buffer): RuntimeVersion {
  const version = { name: '', version: '' }
  readFields(bytes, (number, value) => {
    if (number === 2) version.name = text(value)
    else if (number === 3) version.version = text(value)
  })
  return version
}

/**
 * Decodes a ListPodSandboxResponse.
 *
 * @throws ProtobufError
 */
export function readSandboxes(bytes: Buffer): Sandbox[] {
  return readList(bytes, readSandbox)
}

/**
 * Decodes a ListContainersResponse.
 *
 * @throws ProtobufError
 */
export function readContainers(bytes: Buffer): ListedContainer[] {
  return readList(bytes, readContainer)
}

/**
 * Decodes a ListImagesResponse.
 *
 * @throws ProtobufError
 */
export function readImages(bytes: Buffer): Image[] {
  return readList(bytes, readImage)
}

function readImage(bytes: Buffer): Image {
  const image: Image = { id: '', tags: [], digests: [] }
  readFields(bytes, (number, value) => {
    if (number === 1) image.id = text(value)
    else if (number === 2) image.tags.push(text(value))
    else if (number === 3) image.digests.push(text(value))
  })
  return image
}

function readList<T>(bytes: Buffer, readItem: (bytes: Buffer) => T): T[] {
  const items: T[] = []
  readFields(bytes, (number, value) => {
    if (number === 1) items.push(readItem(message(value)))
  })
  return items
}

function readSandbox(bytes: Buffer): Sandbox {
  const sandbox: Sandbox = {
    id: '',
    name: '',
    uid: '',
    namespace: '',
    isReady: true,
    labels: new Map(),
    annotations: new Map(),
  }
  readFields(bytes, (number, value) => {
    if (number === 1) sandbox.id = text(value)
    else if (number === 2) readMetadata(message(value), sandbox)
    else if (number === 3) sandbox.isReady = value === 0
    else if (number === 5) readEntry(message(value), sandbox.labels)
    else if (number === 6) readEntry(message(value), sandbox.annotations)
  })
  return sandbox
}

function readMetadata(bytes: Buffer, sandbox: Sandbox): void {
  readFields(bytes, (number, value) => {
    if (number === 1) sandbox.name = text(value)
    else if (number === 2) sandbox.uid = text(value)
    else if (number === 3) sandbox.namespace = text(value)
  })
}

function readContainer(bytes: Buffer): ListedContainer {
  const container = { id: '', sandboxId: '', name: '', image: '', state: 0, createdAt: 0 }
  readFields(bytes, (number, value) => {
    if (number === 1) container.id = text(value)
    else if (number === 2) container.sandboxId = text(value)
    else if (number === 3) container.name = firstText(message(value), 1)
    else if (number === 4) container.image = imageName(message(value))
    else if (number === 6) container.state = Number(value)
    else if (number === 7) container.createdAt = Number(value)
  })
  return container
}

/** `ImageSpec`: what the user wrote (18) rather than what the runtime made of it (1). */
function imageName(bytes: Buffer): string {
  return firstText(bytes, 18) || firstText(bytes, 1)
}

function firstText(bytes: Buffer, wanted: number): string {
  let found = ''
  readFields(bytes, (number, value) => {
    if (number === wanted) found = text(value)
  })
  return found
}

/** An entry of a map: key 1, value 2. */
function readEntry(bytes: Buffer, into: Map<string, string>): void {
  into.set(firstText(bytes, 1), firstText(bytes, 2))
}
