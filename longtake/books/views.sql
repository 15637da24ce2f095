-- Ready-made views of the books (longtake-books/1). Amounts are credits; 1 credit is $0.001.

-- What a second of a kept clip costs.
CREATE OR REPLACE VIEW cost_per_kept_second AS
SELECT model, resolution, count(*) AS takes, sum(credits)::BIGINT AS credits, sum(seconds) AS seconds,
       sum(credits) / sum(seconds) AS credits_per_second
FROM takes
WHERE seconds > 0
GROUP BY model, resolution;

-- How many of the attempts that the provider took came back as refunds.
CREATE OR REPLACE VIEW refund_rate AS
SELECT model,
       coalesce(sum(attempts), 0)::BIGINT AS attempts,
       count(*) FILTER (WHERE state = 'refunded') AS refunded_attempts,
       sum(refunded)::BIGINT AS refunded,
       count(*) FILTER (WHERE state = 'refunded') / nullif(sum(attempts), 0) AS rate
FROM attempts
WHERE state IN ('settled', 'refunded', 'written_off', 'refund_missing', 'refund_found')
GROUP BY model;

-- How many kept takes are not the first of their shot.
CREATE OR REPLACE VIEW retake_rate AS
SELECT film, count(*) AS takes, count(*) FILTER (WHERE take > 1) AS retakes,
       count(*) FILTER (WHERE take > 1) / count(*) AS rate
FROM takes
GROUP BY film;

-- Seconds from the POST until the provider said that the task is done.
CREATE OR REPLACE VIEW post_to_done AS
SELECT model, day, count(*) AS attempts,
       quantile_cont(epoch(done_at) - epoch(posted_at), 0.5) AS p50,
       quantile_cont(epoch(done_at) - epoch(posted_at), 0.95) AS p95
FROM attempts
WHERE state = 'settled' AND done_at IS NOT NULL
GROUP BY model, day;

-- What settled attempts should have cost, and what they did cost.
CREATE OR REPLACE VIEW price_drift AS
SELECT model, day, sum(estimate)::BIGINT AS estimate, sum(settled)::BIGINT AS settled,
       (sum(settled) - sum(estimate))::BIGINT AS difference,
       sum(settled) / nullif(sum(estimate), 0) AS ratio
FROM attempts
WHERE state = 'settled'
GROUP BY model, day;

-- Every label of every posting: join it by account, attempt, changed_at and reversal, or use the next view.
CREATE OR REPLACE VIEW labels AS
SELECT account, day, attempt, unnest(map_keys(labels)) AS label, unnest(map_values(labels)) AS value,
       attempts, settled, refunded, reserved, in_doubt, written_off
FROM attempts;

-- What each value of each label spent on a day.
CREATE OR REPLACE VIEW spend_by_label AS
SELECT label, value, day, sum(attempts)::BIGINT AS attempts, sum(settled)::BIGINT AS settled, sum(refunded)::BIGINT AS refunded,
       sum(reserved)::BIGINT AS reserved, sum(in_doubt)::BIGINT AS in_doubt, sum(written_off)::BIGINT AS written_off
FROM labels
GROUP BY label, value, day;

-- Attempts that were not settled at the last export.
CREATE OR REPLACE VIEW open_attempts AS
SELECT account, attempt, any_value(day) AS day, any_value(film) AS film, any_value(shot) AS shot,
       arg_max(state, changed_at) FILTER (WHERE NOT reversal) AS state,
       sum(reserved)::BIGINT AS reserved, sum(in_doubt)::BIGINT AS in_doubt
FROM attempts
GROUP BY account, attempt
HAVING sum(reserved) <> 0 OR sum(in_doubt) <> 0;
