import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { auditAlongside, noteChange } from '../../audit/request-trail.ts'
import { parseAddress } from '../../binding/address.ts'
import type { AddressRules } from '../../binding/address.ts'
import { addressRefusedAlone } from '../../binding/binding-error.ts'
import { bracketHost, canonicalHost } from '../../binding/host.ts'
import {
  confirmHostKey,
  forgetHostKeys,
  listHostKeys,
  scanHost,
  trustHostKey,
} from '../../credential/host-keys.ts'
import type { HostKeyDeps, HostKeyRecord, ShownHostKey } from '../../credential/host-keys.ts'
import { ok } from './envelope.ts'
import { isoTimeOrNull } from './paging.ts'
import { read, readBody } from './read.ts'

export type HostKeyRouteDeps = HostKeyDeps & {
  readonly addressRules: AddressRules
  /** As known_hosts names a host at a port. */
  readonly hostKeyName: (host: string, port: number) => string
  /** Throws when this caller has asked servers too often of late. */
  readonly takeTurn: (c: Context) => void
}

type Place = { readonly host: string; readonly port: number }

/** `host`, `host:port` or `[host]:port`. */
const PlaceText = z.string().transform((text, context): Place => {
  const place = parsePlace(text.trim())
  if (place !== undefined) return place
  context.addIssue({ code: 'custom', message: 'a host such as git.example.com or git.example.com:2222' })
  return z.NEVER
})

const Trust = z.object({
  host: PlaceText,
  /** As the server itself has it in a file. */
  public_key: z.string().max(16_384).optional(),
  /** What a person has compared with the answer of a call without it. */
  fingerprint: z.string().max(100).optional(),
})
const Forget = z.object({ host: PlaceText, type: z.string().optional() })

/** `/host-keys`: the SSH servers this service believes, for admins. */
export function hostKeyRoutes(deps: HostKeyRouteDeps): Hono {
  const routes = new Hono()

  routes.get('/', async (c) => {
    const items = (await listHostKeys(deps)).map(recordToWire)
    return ok(c, { items, total: items.length })
  })

  routes.post('/', async (c) => {
    const { host: place, public_key: line, fingerprint } = await readBody(c, Trust)
    const name = deps.hostKeyName(place.host, place.port)
    noteChange(c, { name })
    const trusted = auditAlongside(c, (record: HostKeyRecord) => ({
      name: record.host,
      after: recordToWire(record),
    }))
    if (line !== undefined) {
      const record = await trustHostKey(deps, name, line, trusted)
      return ok(c, recordToWire(record), 201)
    }
    refuseUnlessAllowed(place, deps.addressRules)
    deps.takeTurn(c)
    if (fingerprint !== undefined) {
      const record = await confirmHostKey(deps, { ...place, fingerprint }, trusted)
      return ok(c, recordToWire(record), 201)
    }
    noteChange(c, { action: 'SCAN' })
    const keys = (await scanHost(deps, place.host, place.port)).map(shownToWire)
    return ok(c, { host: name, keys })
  })

  routes.delete('/:host', async (c) => {
    const { host, type } = read(Forget, { host: c.req.param('host'), type: c.req.query('type') })
    const name = deps.hostKeyName(host.host, host.port)
    const forgotten = await forgetHostKeys(
      deps,
      name,
      type,
      auditAlongside(c, (records) => ({ name, before: { keys: records.map(recordToWire) } })),
    )
    return ok(c, { items: forgotten.map(recordToWire), total: forgotten.length })
  })

  return routes
}

/** Nobody is asked whom a binding could not name. */
function refuseUnlessAllowed({ host, port }: Place, rules: AddressRules): void {
  const parsed = parseAddress(`ssh://${bracketHost(host)}:${port}/repository`, rules)
  if (parsed.kind === 'refused') throw addressRefusedAlone(parsed)
}

function parsePlace(text: string): Place | undefined {
  const [, bracketed, plain, portText = '22'] =
    /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const hostText = bracketed ?? plain ?? text
  const host = canonicalHost(hostText.includes(':') ? `[${hostText}]` : hostText)
  const port = Number(portText)
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port }
}

function recordToWire(record: HostKeyRecord): Record<string, unknown> {
  return {
    host: record.host,
    type: record.type,
    fingerprint: record.fingerprint,
    public_key: `${record.type} ${record.key}`,
    trusted_by: record.trustedBy,
    since: isoTimeOrNull(record.since),
  }
}

function shownToWire(shown: ShownHostKey): Record<string, unknown> {
  return {
    type: shown.type,
    fingerprint: shown.fingerprint,
    public_key: `${shown.type} ${shown.key}`,
    trusted: shown.isTrusted,
  }
}
