import { Webhooks } from '@octokit/webhooks'
import published from '@octokit/webhooks-examples' with { type: 'json' }
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { forgeByName, requestOf, ZERO } from './request.ts'

// Payloads that GitHub really sent, signed by GitHub's own library.

const SECRET = 'It is a secret'
const Example = z.looseObject({ ref: z.string().optional(), before: z.string().optional() })
const events = z.array(z.object({ name: z.string(), examples: z.array(Example) })).parse(published)
const CHANGES = new Set(['push', 'create', 'delete'])

async function deliver(event: string, body: object) {
  const text = JSON.stringify(body)
  const signature = await new Webhooks({ secret: SECRET }).sign(text)
  const request = requestOf({
    body: text,
    headers: { 'x-github-event': event, 'x-hub-signature-256': signature },
  })
  const github = forgeByName('github')
  return { signature: await github.verify(request, [SECRET], 0), parsed: github.parse(request) }
}

describe.each(events.filter(({ name }) => CHANGES.has(name)))('a real $name', ({ name, examples }) => {
  it.each(examples)('of $ref is a change', async (example) => {
    const { signature, parsed } = await deliver(name, example)

    expect(signature).toBe('verified')
    expect(parsed).toMatchObject({
      kind: 'changes',
      repository: {
        fullName: 'Codertocat/Hello-World',
        cloneUrl: 'https://github.com/Codertocat/Hello-World.git',
      },
      pusher: 'Codertocat',
      changes: [
        name === 'push'
          ? { ref: example.ref, before: example.before === ZERO ? null : example.before }
          : { ref: `refs/tags/${example.ref ?? ''}`, before: null, deleted: name === 'delete' },
      ],
    })
  })
})

describe.each(events.filter(({ name }) => !CHANGES.has(name)))('a real $name', ({ name, examples }) => {
  it('changes nothing', async () => {
    const deliveries = await Promise.all(examples.map((example) => deliver(name, example)))

    expect(deliveries).not.toHaveLength(0)
    expect(new Set(deliveries.map(({ signature }) => signature))).toEqual(new Set(['verified']))
    expect(new Set(deliveries.map(({ parsed }) => parsed.kind))).toEqual(new Set(['nothing']))
  })
})
