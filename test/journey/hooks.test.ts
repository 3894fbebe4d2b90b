import { describe, expect, test } from 'vitest'
import { headOf, listRuns } from '../rig/journey.ts'
import { API_FORGES, apiOf, bindApp, hooksOf, register, startHookJourney, TOKEN } from './hooks-world.ts'

describe.each(API_FORGES)('$forge', (api) => {
  test('a hook is registered once, seen, mended, tested and removed, and carries pushes meanwhile', async () => {
    await using journey = await startHookJourney()
    const app = await bindApp(journey, api)
    await using forge = await apiOf(api, app.inner)

    const created = await register(journey, 'app', api, forge)
    const again = await register(journey, 'app', api, forge, { api_token: undefined })
    const [seen] = await hooksOf(journey, 'app')
    const [atForge] = forge.hooks()
    forge.changeHook(atForge?.id ?? '', { isActive: false, events: [], url: 'http://127.0.0.1:9/elsewhere' })
    const [drifted] = await hooksOf(journey, 'app')
    const repaired = await register(journey, 'app', api, forge)
    const commit = await journey.work.commit('through the hook')
    await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
    await forge.push({ ref: 'refs/heads/main', before: null, after: commit })
    const [run] = await listRuns(journey.daemon)
    await journey.daemon.runEnded(run?.id ?? 0)
    const [used] = await hooksOf(journey, 'app')
    const tested = await journey.daemon.call('POST', `/api/v1/bindings/app/hooks/${created.hook.id}/test`)
    const removed = await journey.daemon.call('DELETE', `/api/v1/bindings/app/hooks/${created.hook.id}`)

    expect(created).toMatchObject({ status: 201, body: { data: { done: 'created', problem: null } } })
    expect(again).toMatchObject({ status: 200, body: { data: { id: created.hook.id, done: 'unchanged' } } })
    expect(seen).toMatchObject({
      problem: null,
      at_forge: { active: true, has_events: true, url: seen?.url },
    })
    expect(drifted?.problem).not.toBeNull()
    expect(repaired).toMatchObject({ status: 200, body: { data: { done: 'repaired', problem: null } } })
    expect(await headOf(app.outer, 'main')).toBe(commit)
    expect(run).toMatchObject({ binding: 'app', trigger: 'webhook' })
    expect(used).toMatchObject({ last_status: 'accepted' })
    expect(tested.status).toBe(api.hasTest ? 202 : 409)
    expect(removed).toMatchObject({ status: 200, body: { data: { removed_at_forge: true } } })
    expect(forge.hooks()).toEqual([])
    expect(await hooksOf(journey, 'app')).toEqual([])
    expect(journey.daemon.output()).not.toContain(TOKEN)
  })

  test('two calls at once make one hook', async () => {
    await using journey = await startHookJourney()
    const app = await bindApp(journey, api)
    await using forge = await apiOf(api, app.inner)

    const both = await Promise.all([
      register(journey, 'app', api, forge),
      register(journey, 'app', api, forge),
    ])

    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 201])
    expect(forge.hooks()).toHaveLength(1)
  })

  test('a new secret is in force at once, while what was signed with the old one still counts', async () => {
    await using journey = await startHookJourney()
    const app = await bindApp(journey, api)
    await using forge = await apiOf(api, app.inner)
    const { hook } = await register(journey, 'app', api, forge)
    const old = forge.hooks()[0]?.secret ?? ''

    const rotated = await journey.daemon.call('POST', `/api/v1/bindings/app/hooks/${hook.id}/rotate`)

    const [atForge] = forge.hooks()
    const fresh = atForge?.secret ?? ''
    const move = { ref: 'refs/heads/main', before: null, after: '1'.repeat(40) }
    await forge.push(move)
    const [byFresh] = await hooksOf(journey, 'app')
    forge.changeHook(atForge?.id ?? '', { secret: old })
    await forge.push({ ...move, after: '2'.repeat(40) })
    const [byOld] = await hooksOf(journey, 'app')
    forge.changeHook(atForge?.id ?? '', { secret: 'neither of the two' })
    await forge.push({ ...move, after: '3'.repeat(40) })
    const [byNeither] = await hooksOf(journey, 'app')
    expect(rotated).toMatchObject({ status: 200, body: { data: { id: hook.id } } })
    expect([fresh.length > 40, fresh === old]).toEqual([true, false])
    expect([byFresh, byOld, byNeither].map((known) => known?.last_status)).toEqual([
      'accepted',
      'accepted',
      'rejected',
    ])
  })
})
