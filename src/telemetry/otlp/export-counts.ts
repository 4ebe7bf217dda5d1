/** What became of everything that was to be pushed. */

/** Counts of data points and requests by outcome. */
export class ExportCounts {
  /** Data points that the receiver took. */
  exported = 0
  /** Data points that the receiver took the request for, but threw away. */
  rejected = 0
  /** Data points given up because a newer snapshot was due. */
  superseded = 0
  /** Pushes that had nothing to send because the collection failed. */
  uncollected = 0
  /** Data points of pushes that failed, by reason. */
  readonly failed = new Map<string, number>()
  /** Requests, by the name of the gRPC status. */
  readonly requests = new Map<string, number>()

  /**
   * Counts a request that the receiver took.
   *
   * @param points data points in it.
   * @param claimed data points that the receiver says it rejected: any number: the receiver may be wrong.
   * @returns how many are counted as rejected: none when the receiver's number can't be.
   */
  countTaken(points: number, claimed: number): number {
    const rejected = claimed >= 0 && claimed <= points ? claimed : 0
    this.rejected += rejected
    this.exported += points - rejected
    return rejected
  }

  countRequest(status: string): void {
    this.requests.set(status, (this.requests.get(status) ?? 0) + 1)
  }

  countFailed(reason: string, points: number): void {
    this.failed.set(reason, (this.failed.get(reason) ?? 0) + points)
  }
}
