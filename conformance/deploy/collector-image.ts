/** An image with the Collector that the checks have built, in the place of the one that the manifests name. */
import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packImages } from '../containerd/image.ts'
import type { Scope } from '../support/children.ts'

/** Where programs of Go look for them, and where the real image has them. */
const CERTIFICATES = 'etc/ssl/certs/ca-certificates.crt'

/**
 * Packs the image: the program, which needs no library, and the certificates that it trusts.
 *
 * @param name the tag that it gets.
 * @param certificate the path of the only one.
 * @returns the path of an archive of the form that `docker save` has.
 */
export async function collectorImage(
  scope: Scope,
  program: string,
  name: string,
  certificate: string,
): Promise<string> {
  const directory = scope.directory()
  const root = join(directory, 'rootfs')
  mkdirSync(dirname(join(root, CERTIFICATES)), { recursive: true })
  copyFileSync(certificate, join(root, CERTIFICATES))
  copyFileSync(program, join(root, 'otelcol-k8s'))
  return await packImages(directory, { [name]: { Entrypoint: ['/otelcol-k8s'] } })
}
