import type { HttpAccess } from '../access.ts'
import type { RemoteAccess } from '../environment.ts'
import type { RemoteUrl } from '../refs.ts'
import { openHttpRepository } from './smart-http.ts'
import type { Wire } from './wire.ts'
import type { WireRepository, WireWatch } from './wire-repository.ts'

/** Undefined where there is no server to be asked. */
export function openRepository(
  wire: Wire,
  url: RemoteUrl,
  { http }: { readonly access: RemoteAccess; readonly http: HttpAccess | undefined },
  watch: WireWatch,
): WireRepository | undefined {
  return http === undefined ? undefined : openHttpRepository({ client: wire.client, url, http }, watch)
}
