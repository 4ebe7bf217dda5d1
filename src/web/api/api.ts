/** `/api/v1/…`: what the page shows, as JSON for programs. Read-only; docs/recorder.md describes it. */
import type { IncomingMessage } from 'node:http'
import { compressed } from '../compressed.ts'
import { plainText, type Reply, type Route } from '../reply.ts'
import { liveAnswer, type Observation } from './live.ts'
import { seriesAnswer } from './series.ts'

/** Why nothing is explained, or what was found. */
export interface ExplainAnswer {
  readonly status: 200 | 400 | 403 | 404
  readonly body: object
}

/** The parts of the agent that the API answers from. */
export interface ApiSources {
  /** What was recorded, up to a moment ago. */
  readonly look: () => Promise<Observation>
  /** What the agent itself does. */
  readonly agent: () => object
  /** Why a process, or those of a group, are where they are. */
  readonly explain: (request: IncomingMessage, query: URLSearchParams) => Promise<ExplainAnswer>
}

/** Answers that are made at the same time; each holds its text until the client has it. */
const MAX_ANSWERS = 8
const JSON_TYPE = 'application/json; charset=utf-8'
const HEADERS = { 'Cache-Control': 'no-store', Vary: 'Accept-Encoding' }

/** The routes of the API, by path. */
export function apiRoutes({ look, agent, explain }: ApiSources): [string, Route][] {
  let answers = 0
  const route =
    (answer: (query: URLSearchParams, request: IncomingMessage) => Promise<Reply>): Route =>
    async (request) => {
      if (answers >= MAX_ANSWERS) {
        const reason = `${MAX_ANSWERS} requests are being answered already\n`
        return plainText(503, reason, { 'Retry-After': '1' })
      }
      answers++
      const onEnd = () => {
        answers--
      }
      try {
        return { ...(await answer(queryOf(request), request)), onEnd }
      } catch (error) {
        onEnd()
        if (error instanceof BadQuery) return json(request, { error: error.message }, 400)
        throw error
      }
    }
  return [
    [
      '/api/v1/live',
      route(async (query, request) => {
        const observation = await look()
        const instance = numberOf(query, 'instance', 0)
        const since = numberOf(query, 'since', 0)
        return json(request, liveAnswer(observation, instance, since, query.has('sparks')))
      }),
    ],
    [
      '/api/v1/series',
      route(async (query, request) => {
        const { recorder, hasPast } = await look()
        if (!hasPast) return json(request, { error: NO_RECORDER }, 404)
        const id = numberOf(query, 'id')
        const points = numberOf(query, 'points', Number.POSITIVE_INFINITY)
        const answer = seriesAnswer(recorder, id, numberOf(query, 'from', 0), Math.max(1, points))
        return answer === undefined
          ? json(request, { error: `there is no entity ${id}` }, 404)
          : json(request, answer)
      }),
    ],
    ['/api/v1/agent', route(async (_, request) => json(request, agent()))],
    [
      '/api/v1/explain',
      route(async (query, request) => {
        const { status, body } = await explain(request, query)
        return json(request, body, status)
      }),
    ],
  ]
}

const NO_RECORDER = 'nothing is recorded: start the agent with --recorder.enabled'

class BadQuery extends Error {}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const at = url.indexOf('?')
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
}

/** @throws BadQuery when it is no number, or is missing without a default. */
function numberOf(query: URLSearchParams, name: string, missing?: number): number {
  const text = query.get(name)
  if (text === null && missing !== undefined) return missing
  if (text === null || !/^\d{1,16}(\.\d{1,9})?$/.test(text)) {
    throw new BadQuery(`${name} must be a number of 0 or more`)
  }
  return Number(text)
}

async function json(request: IncomingMessage, answer: object, status = 200): Promise<Reply> {
  const reply = await compressed(request, JSON_TYPE, `${JSON.stringify(answer)}\n`, HEADERS)
  return { ...reply, status }
}
