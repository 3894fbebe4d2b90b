import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { auditAlongside, noteChange } from '../../audit/request-trail.ts'
import { parseAddress } from '../../binding/address.ts'
import type { AddressRules } from '../../binding/address.ts'
import { addressRefusedAlone } from '../../binding/binding-error.ts'
import { sshAddressNeeded, testSshKey } from '../../credential/key-test.ts'
import type { KeyTestDeps } from '../../credential/key-test.ts'
import { SSH_KEY_TYPES } from '../../credential/ssh-key.ts'
import type { SshKey } from '../../credential/ssh-key.ts'
import {
  createSshKey,
  deleteSshKey,
  getSshKey,
  listSshKeys,
  updateSshKey,
} from '../../credential/ssh-keys.ts'
import type { SshKeyDeps, UsedSshKey } from '../../credential/ssh-keys.ts'
import { bothLanguages } from '../../domain-error.ts'
import { SshKeyId } from '../../ids.ts'
import { ok, page } from './envelope.ts'
import { isoTime, Paging } from './paging.ts'
import { read, readBody } from './read.ts'

export type SshKeyRouteDeps = SshKeyDeps &
  KeyTestDeps & {
    readonly addressRules: AddressRules
    /** Throws when this caller has asked servers too often of late. */
    readonly takeTurn: (c: Context) => void
  }

const KeyType = z.enum(SSH_KEY_TYPES).nullish()
const optionalText = z.string().max(1000).nullish()

const Source = {
  private_key: z.string().nullish(),
  passphrase: z
    .string()
    .max(1000)
    .regex(/^\P{Cc}*$/u, 'no control characters')
    .nullish(),
  generate: z.boolean().default(false),
  type: KeyType,
  key_type: KeyType,
}
const NewKey = z.object({ name: z.string(), description: optionalText, ...Source })
const Change = z.object({ name: z.string().optional(), description: optionalText, ...Source })
const Rotation = z.object(Source)
const Test = z.object({ repo_url: z.string() })
const List = z.object(Paging)

/** `/ssh-keys`: keys go in and never come out. */
export function sshKeyRoutes(deps: SshKeyRouteDeps): Hono {
  const routes = new Hono()
  const idOf = (c: Context): SshKeyId => read(SshKeyId, c.req.param('id'))
  const shown = async (id: SshKeyId) => usedKeyToWire(await getSshKey(deps, id))

  routes.get('/', async (c) => {
    const { page: number, page_size: pageSize } = read(List, c.req.query())
    const { keys, total } = await listSshKeys(deps, { page: number, pageSize })
    return page(c, { items: keys.map(usedKeyToWire), total, page: number, pageSize })
  })

  routes.get('/:id', async (c) => ok(c, await shown(idOf(c))))

  routes.post('/', async (c) => {
    const body = await readBody(c, NewKey)
    const input = { name: body.name, description: body.description ?? '', source: toSource(body) }
    const key = await createSshKey(deps, input, auditAlongside(c, created))
    return ok(c, usedKeyToWire({ ...key, usedBy: [] }), 201)
  })

  routes.put('/:id', async (c) => {
    const body = await readBody(c, Change)
    const hasSource = body.generate || (body.private_key ?? undefined) !== undefined
    const change = {
      name: body.name,
      description: body.description ?? undefined,
      source: hasSource ? toSource(body) : undefined,
    }
    const action = hasSource ? 'ROTATE' : 'UPDATE'
    const { id } = await updateSshKey(deps, idOf(c), change, auditAlongside(c, changedBy(action)))
    return ok(c, await shown(id))
  })

  routes.post('/:id/rotate', async (c) => {
    const source = toSource(await readBody(c, Rotation))
    const change = { name: undefined, description: undefined, source }
    const { id } = await updateSshKey(deps, idOf(c), change, auditAlongside(c, changedBy('ROTATE')))
    return ok(c, await shown(id))
  })

  routes.delete('/:id', async (c) => {
    await deleteSshKey(deps, idOf(c), auditAlongside(c, deleted))
    return ok(c, null)
  })

  routes.post('/:id/test', async (c) => {
    const { repo_url: address } = await readBody(c, Test)
    const parsed = parseAddress(address, deps.addressRules)
    const isDenied = parsed.kind === 'refused' && parsed.reason === 'host_denied'
    if (parsed.kind === 'refused' && !isDenied) throw addressRefusedAlone(parsed)
    if (parsed.kind === 'ok' && parsed.address.scheme !== 'ssh') throw sshAddressNeeded()
    deps.takeTurn(c)
    const target =
      parsed.kind === 'ok'
        ? ({ kind: 'ok', url: parsed.address.url } as const)
        : ({ kind: 'denied' } as const)
    const result = await testSshKey(deps, idOf(c), target)
    noteChange(c, { name: result.key.name, after: { repo_url: address, class: result.class } })
    return ok(c, {
      ok: result.class === 'ok',
      class: result.class,
      detail: bothLanguages(result.detail),
      fingerprint: result.key.fingerprint,
    })
  })

  return routes
}

function toSource(body: z.infer<typeof Rotation>) {
  return {
    privateKey: body.private_key ?? undefined,
    passphrase: body.passphrase ?? undefined,
    generate: body.generate,
    type: body.key_type ?? body.type ?? undefined,
  }
}

function created(key: SshKey) {
  return { id: key.id, name: key.name, after: keyToWire(key) }
}

function deleted(key: SshKey) {
  return { id: key.id, name: key.name, before: keyToWire(key) }
}

function changedBy(action: string) {
  return ({ before, after }: { readonly before: SshKey; readonly after: SshKey }) => ({
    action,
    name: after.name,
    before: keyToWire(before),
    after: keyToWire(after),
  })
}

function usedKeyToWire(key: UsedSshKey): Record<string, unknown> {
  return {
    ...keyToWire(key),
    used_by: key.usedBy.map(({ type, name, place }) => ({ type, name, place })),
  }
}

function keyToWire(key: SshKey): Record<string, unknown> {
  return {
    id: key.id,
    name: key.name,
    description: key.description,
    type: key.type,
    key_type: key.type,
    public_key: key.publicKey,
    fingerprint: key.fingerprint,
    has_passphrase: key.hasPassphrase,
    created_at: isoTime(key.createdAt),
    updated_at: isoTime(key.updatedAt),
  }
}
