import { expect, test } from 'vitest'
import { PASSWORDS, startJourney } from '../../rig/journey.ts'

test('bindings are listed and shown without any secret', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  await journey.bind('组织/库', { sync_direction: 3, enable: false })

  const list = await journey.daemon.call('GET', '/api/v1/bindings?page_size=1')
  const one = await journey.daemon.call('GET', '/api/v1/bindings/app')
  const slashed = await journey.daemon.call('GET', `/api/v1/bindings/${encodeURIComponent('组织/库')}`)
  const missing = await journey.daemon.call('GET', '/api/v1/bindings/nobody')

  expect(list).toMatchObject({ status: 200, body: { data: { total: 2, items: [{ name: '组织/库' }] } } })
  expect(one).toMatchObject({
    status: 200,
    body: {
      code: 0,
      data: {
        name: 'app',
        enabled: true,
        granularity: 'all',
        direction: 'to_outer',
        internal: { address: app.inner.url, has_token: true },
        external: { address: app.outer.url, has_token: true },
      },
    },
  })
  expect(slashed).toMatchObject({ status: 200, body: { data: { direction: 'both', enabled: false } } })
  expect(missing).toMatchObject({ status: 404, body: { code: 404 } })
  expect(JSON.stringify([list, one, slashed])).not.toContain(PASSWORDS.inner.password)
})
