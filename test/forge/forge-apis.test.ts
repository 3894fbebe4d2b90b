import { expect, test } from 'vitest'
import { failure } from '../../src/forge/api-answer.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import { forgeApi, forgeOfAddress } from '../../src/forge/forge-apis.ts'

// Where each forge has its API, and which host is which forge.

const TOKEN = 'token'

const places: readonly (readonly [
  forge: ForgeName,
  address: string,
  apiUrl: string | undefined,
  hooks: string,
])[] = [
  ['github', 'https://github.com/o/r.git', undefined, 'https://api.github.com/repos/o/r/hooks'],
  ['github', 'git@github.com:o/r', undefined, 'https://api.github.com/repos/o/r/hooks'],
  ['github', 'ssh://git@ssh.github.com:443/o/r.git', undefined, 'https://api.github.com/repos/o/r/hooks'],
  ['github', 'https://acme.ghe.com/o/r', undefined, 'https://api.acme.ghe.com/repos/o/r/hooks'],
  [
    'github',
    'git@github.example.com:o/r.git',
    undefined,
    'https://github.example.com/api/v3/repos/o/r/hooks',
  ],
  [
    'github',
    'git@ghe:o/r.git',
    'https://github.example.com/api/v3/',
    'https://github.example.com/api/v3/repos/o/r/hooks',
  ],
  ['gitlab', 'https://gitlab.com/g/p.git', undefined, 'https://gitlab.com/api/v4/projects/g%2Fp/hooks'],
  [
    'gitlab',
    'ssh://git@altssh.gitlab.com:443/g/p.git',
    undefined,
    'https://gitlab.com/api/v4/projects/g%2Fp/hooks',
  ],
  [
    'gitlab',
    'git@git.example.com:a/b/c/p',
    undefined,
    'https://git.example.com/api/v4/projects/a%2Fb%2Fc%2Fp/hooks',
  ],
  [
    'gitlab',
    'https://example.com/gitlab/a/p.git',
    'https://example.com/gitlab/api/v4',
    'https://example.com/gitlab/api/v4/projects/a%2Fp/hooks',
  ],
  [
    'gitlab',
    'git@example.com:gitlab/a/p.git',
    'https://example.com/gitlab/api/v4',
    'https://example.com/gitlab/api/v4/projects/gitlab%2Fa%2Fp/hooks',
  ],
  [
    'gitlab',
    'http://gitlab.lan:8080/组/项目.git',
    undefined,
    'http://gitlab.lan:8080/api/v4/projects/%E7%BB%84%2F%E9%A1%B9%E7%9B%AE/hooks',
  ],
  ['forgejo', 'https://codeberg.org/o/r.git', undefined, 'https://codeberg.org/api/v1/repos/o/r/hooks'],
  ['gitea', 'http://gitea.lan:3000/o/r', undefined, 'http://gitea.lan:3000/api/v1/repos/o/r/hooks'],
  [
    'gitea',
    'ssh://git@gitea.lan:2222/o/r.git',
    'http://gitea.lan:3000/api/v1',
    'http://gitea.lan:3000/api/v1/repos/o/r/hooks',
  ],
  ['gogs', 'https://example.com/gogs/o/r.git', undefined, 'https://example.com/gogs/api/v1/repos/o/r/hooks'],
]

test.for(places)(
  '%s has the hooks of %s, with the API at %s, at %s',
  async ([forge, address, apiUrl, hooks]) => {
    const asked: string[] = []
    const request = ({ url }: { readonly url: string }) => {
      asked.push(url)
      return Promise.resolve(failure('unreachable', 'not here'))
    }

    await forgeApi({ request }, { forge, address, apiUrl, token: TOKEN })?.listHooks()

    expect(asked).toEqual([hooks])
  },
)

test.for([
  ['github', 'https://github.com/o'],
  ['github', '/srv/git/r.git'],
  ['gitlab', 'https://gitlab.com/p.git'],
  ['gitea', 'git@gitea.lan:r.git'],
  ['gogs', 'file:///srv/git/o/r.git'],
  ['coding', 'https://e.coding.net/t/p/r.git'],
  ['generic', 'https://git.example.com/o/r.git'],
] as const)('%s has no API for %s', ([forge, address]) => {
  const request = () => Promise.resolve(failure('unreachable', 'not here'))

  const api = forgeApi({ request }, { forge, address, apiUrl: undefined, token: TOKEN })

  expect(api).toBeUndefined()
})

test.for([
  ['https://github.com/o/r.git', 'github'],
  ['ssh://git@ssh.github.com:443/o/r', 'github'],
  ['https://acme.ghe.com/o/r', 'github'],
  ['git@gitlab.com:g/p.git', 'gitlab'],
  ['https://gitee.com/o/r', 'gitee'],
  ['https://www.gitlink.org.cn/o/r.git', 'gitlink'],
  ['git@code.gitlink.org.cn:o/r.git', 'gitlink'],
  ['https://user@bitbucket.org/ws/r.git', 'bitbucket'],
  ['https://dev.azure.com/org/p/_git/r', 'azure'],
  ['git@ssh.dev.azure.com:v3/org/p/r', 'azure'],
  ['https://org.visualstudio.com/p/_git/r', 'azure'],
  ['org@vs-ssh.visualstudio.com:v3/org/p/r', 'azure'],
  ['https://codeup.aliyun.com/5f0000000000000000000000/r.git', 'codeup'],
  ['https://codeberg.org/o/r', 'forgejo'],
  ['https://GITEA.com/o/r', 'gitea'],
  ['https://git.example.com/o/r', undefined],
  ['https://evil-github.com/o/r', undefined],
  ['https://github.com.evil.org/o/r', undefined],
  ['https://notvisualstudio.com/o/r', undefined],
  ['https://example.com/github.com/r', undefined],
  ['/srv/git/github.com', undefined],
] as const)('%s is on %s', ([address, forge]) => {
  const recognised = forgeOfAddress(address)

  expect(recognised).toBe(forge)
})
