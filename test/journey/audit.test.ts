import { expect, test } from 'vitest'
import { z } from 'zod'
import { startDaemonProcess } from '../rig/daemon.ts'
import type { DaemonProcess } from '../rig/daemon.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { startJourney } from '../rig/journey.ts'
import { createFolder } from '../rig/repository.ts'
import { apiOf, GITHUB, register, startHookJourney, TOKEN } from './hooks-world.ts'

// What stands in the audit log beside the calls of people.

const FINGERPRINT: unknown = expect.stringMatching(/^SHA256:[\w+/]{43}$/)
const Entries = z.object({ data: z.object({ items: z.array(z.looseObject({ action: z.string() })) }) })

async function auditOf(
  daemon: Pick<DaemonProcess, 'call'>,
  query: string,
  headers: Readonly<Record<string, string>> = {},
) {
  const { body } = await daemon.call('GET', `/api/v1/audit/logs?${query}`, undefined, headers)
  return Entries.parse(body).data.items
}

test('the first token is on record, without what it is', async () => {
  await using folder = await createFolder()
  await using daemon = await startDaemonProcess({ dir: folder.path, env: { AUTH: 'token' } })
  const [, token = ''] = /the first admin token, shown only now: (rst_[\w-]{43})/.exec(daemon.output()) ?? []

  const entries = await auditOf(daemon, 'actor=system', { authorization: `Bearer ${token}` })

  expect(entries).toMatchObject([
    { action: 'CREATE', target: 'token:1', object_name: 'first', role: null, after: { role: 'admin' } },
  ])
  expect(JSON.stringify(entries)).not.toContain(token)
})

test('an SSH host key that was trusted at first use is on record once, with its fingerprint', async () => {
  await using journey = await startJourney()
  await using server = await startGitSshServer()
  const { daemon } = journey
  const [inner, outer] = [await server.createRepository('inner'), await server.createRepository('outer')]
  await journey.bind('app', {
    internal_repo_address: inner.url,
    external_repo_address: outer.url,
    inter_token: server.userKey,
    exter_token: server.userKey,
  })

  await daemon.call('POST', '/cerobot/sync/repo/app')
  await daemon.call('POST', '/cerobot/sync/repo/app')

  expect(await auditOf(daemon, 'actor=system')).toMatchObject([
    {
      action: 'TRUST',
      target: `host_key:[127.0.0.1]:${server.port}`,
      ip_address: null,
      after: { type: 'ssh-ed25519', fingerprint: FINGERPRINT },
    },
  ])
})

test('hooks are on record from their making to their end at the forge, without secrets', async () => {
  await using journey = await startHookJourney()
  const { daemon } = journey
  const app = await journey.bind('app')
  await using forge = await apiOf(GITHUB, app.inner)
  const { hook } = await register(journey, 'app', GITHUB, forge)
  const secret = forge.hooks()[0]?.secret ?? ''
  const [atForge] = forge.hooks()
  forge.changeHook(atForge?.id ?? '', { isActive: false })
  await register(journey, 'app', GITHUB, forge)
  await daemon.call('POST', `/api/v1/bindings/app/hooks/${hook.id}/rotate`)
  await daemon.call('DELETE', '/cerobot/sync/repo/app')

  await expect.poll(() => auditOf(daemon, 'actor=system')).toHaveLength(1)

  const entries = await auditOf(daemon, 'object_type=hook')
  expect(entries).toMatchObject([
    { action: 'DELETE', operator: 'system', object_id: String(hook.id), after: { removed_at_forge: true } },
    { action: 'ROTATE', operator: 'local', object_id: String(hook.id), object_name: 'app' },
    { action: 'REPAIR', operator: 'local', object_id: String(hook.id) },
    { action: 'CREATE', operator: 'local', object_id: String(hook.id), after: { forge: 'github' } },
  ])
  expect(secret).not.toBe('')
  expect([secret, TOKEN].filter((planted) => JSON.stringify(entries).includes(planted))).toEqual([])
})
