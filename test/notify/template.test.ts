import { expect, test } from 'vitest'
import { DomainError } from '../../src/domain-error.ts'
import { redactWords } from '../../src/notify/redact.ts'
import { checkTemplate, renderTemplate } from '../../src/notify/template.ts'
import { variablesOf } from '../../src/notify/variables.ts'
import { noticeOf, refOf } from './world.ts'

const AT = Date.UTC(2026, 0, 31, 12)

const full = variablesOf(
  noticeOf(
    'sync_failure',
    {
      code: 20_011,
      errorMessage: 'protected branch',
      hint: 'unprotect it',
      refs: [refOf('main', 'rejected'), refOf('dev', 'updated')],
      isWhole: true,
      taskKey: 'task-1',
      sourceRemote: 'origin',
      sourceBranch: 'main',
      targetRemote: 'backup',
      targetBranch: 'main',
      repoKey: 'repo-1',
      repoName: 'app repository',
      cronExpression: '0 2 * * *',
      webhookSource: 'github',
      backupPath: '/backups/1',
      durationMs: 3210,
    },
    { subjectName: 'nightly' },
  ),
  AT,
  'Asia/Shanghai',
)

const documented: readonly (readonly [name: string, value: string])[] = [
  ['TaskKey', 'task-1'],
  ['TaskName', 'nightly'],
  ['Status', 'failure'],
  ['StatusText', '失败'],
  ['EventType', 'sync_failure'],
  ['EventLabel', '同步失败'],
  ['SourceRemote', 'origin'],
  ['SourceBranch', 'main'],
  ['TargetRemote', 'backup'],
  ['TargetBranch', 'main'],
  ['RepoKey', 'repo-1'],
  ['RepoName', 'app repository'],
  ['ErrorMessage', 'protected branch'],
  ['CommitRange', `${'1'.repeat(10)}..${'2'.repeat(10)}`],
  ['CronExpression', '0 2 * * *'],
  ['WebhookSource', 'github'],
  ['BackupPath', '/backups/1'],
  ['Timestamp', '2026-01-31 20:00:00 +08:00'],
  ['Duration', '3.2s'],
  ['SyncMode', 'all-branch'],
  ['BranchCount', '2'],
  ['SuccessCount', '1'],
  ['FailedCount', '1'],
]

test.for(documented)('%s can be shown, in the mustache form and in that of Go', ([name, value]) => {
  const templates = [`{{${name}}}`, `{{ ${name} }}`, `{{.${name}}}`, `{{ .${name} }}`, `{{- .${name} -}}`]

  const texts = templates.map((template) => render(template))

  for (const template of templates) checkTemplate('template', template)
  expect(new Set(texts)).toEqual(new Set([value]))
})

test('a part shows only with, or only without, a value', () => {
  const template = '{{#ErrorMessage}}why: {{ErrorMessage}}{{/ErrorMessage}}{{^Code}}no code{{/Code}}'
  const plain = variablesOf(noticeOf('sync_success'), AT, 'UTC')

  const texts = [render(template), renderTemplate(template, plain, String)]

  checkTemplate('template', template)
  expect(texts).toEqual(['why: protected branch', 'no code'])
})

test.for([
  ['an unknown name', '{{Secret}}'],
  ['what every object has', '{{constructor}}'],
  ['a path', '{{TaskName.length}}'],
  ['a function of Go', '{{.ErrorMessage | truncate 10}}'],
  ['a condition of Go', '{{if .TaskName}}x{{end}}'],
  ['a part of an unknown name', '{{#with}}x{{/with}}'],
  ['a partial', '{{> other}}'],
  ['other delimiters', '{{=<% %>=}}<% TaskName %>'],
  ['a tag without an end', '{{TaskName'],
  ['a part without an end', '{{#TaskName}}x'],
  ['a novel', 'x'.repeat(10_001)],
])('a template with %s is refused when it is stored', ([, template = '']) => {
  const check = (): void => checkTemplate('title_template', template)

  expect(check).toThrow(DomainError)
  expect(check).toThrow(/^template: title_template: /)
})

test.for(['${TaskName}', '<%= TaskName %>', '#{TaskName}', '%s', '{TaskName}'])(
  '%s means nothing and stays as it is',
  (template) => {
    checkTemplate('template', template)

    expect(render(template)).toBe(template)
  },
)

test('a value is never read as a template, and is escaped whatever form asks for it', () => {
  const evil = variablesOf(noticeOf('sync_failure', { errorMessage: '{{TaskName}} & {{Secret}}' }), AT, 'UTC')
  const forms = ['{{ErrorMessage}}', '{{{ErrorMessage}}}', '{{&ErrorMessage}}', '{{.ErrorMessage}}']

  const texts = forms.map((template) =>
    renderTemplate(template, evil, (value) => value.replaceAll('&', 'and')),
  )

  for (const template of forms) checkTemplate('template', template)
  expect(new Set(texts)).toEqual(new Set(['{{TaskName}} and {{Secret}}']))
})

test.for([
  [
    'fatal: https://ada:pass@git.example/app.git not found',
    'fatal: https://***@git.example/app.git not found',
  ],
  ['https://ghp_0123456789abcdef0123456789abcdef0123@github.com/a', 'https://***@github.com/a'],
  ['ssh://git@host/app and git@host:app', 'ssh://git@host/app and git@host:app'],
  ['ssh://git:word@host/app', 'ssh://***@host/app'],
  ['GET /send?access_token=abc123&x=1', 'GET /send?access_token=***&x=1'],
  ['password: "hunter2", more', 'password: "***", more'],
  ['Authorization: Bearer abc.def', 'Authorization: ***'],
  ['token glpat-abcdefghij0123456789 refused', 'token *** refused'],
])('words lose their logins before anybody is told: %s', ([words = '', told]) => {
  const redacted = redactWords(words)

  expect(redacted).toBe(told)
})

function render(template: string): string {
  return renderTemplate(template, full, String)
}
