import type { HttpAccess } from '../access.ts'
import type { RemoteAccess } from '../environment.ts'
import type { RemoteUrl } from '../refs.ts'
import { openHttpRepository } from './smart-http.ts'
import { openSshRepository } from './smart-ssh.ts'
import type { Wire } from './wire.ts'
import type { WireRepository, WireWatch } from './wire-repository.ts'

type Deps = { readonly runtimeDir: string; readonly wire: Wire }

/** What one call may use to reach a remote. */
export type Reached = { readonly access: RemoteAccess; readonly http: HttpAccess | undefined }

/** Undefined where there is no server to be asked. */
export function openRepository(
  deps: Deps,
  url: RemoteUrl,
  { access, http }: Reached,
  watch: WireWatch,
): WireRepository | undefined {
  const { ssh } = access
  if (http !== undefined) return openHttpRepository({ client: deps.wire.client, url, http }, watch)
  return ssh === undefined ? undefined : openSshRepository({ deps, url, access: { ...access, ssh } }, watch)
}
