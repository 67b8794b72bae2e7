CREATE TABLE "analytics_timeseries" (
	"metric" text NOT NULL,
	"bucket" text DEFAULT '' NOT NULL,
	"value" bigint NOT NULL,
	"original" text,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "analytics_timeseries_pkey" PRIMARY KEY("metric","bucket")
);
--> statement-breakpoint
CREATE TABLE "dual_write_backfill_runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"direction" text NOT NULL,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"state" text NOT NULL,
	"cursor" jsonb,
	"counts" jsonb,
	"server" text,
	"plan" jsonb
);
--> statement-breakpoint
CREATE TABLE "dual_write_decisions" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dual_write_decisions_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"what" text NOT NULL,
	"strategy" text,
	"reason" text,
	"forced" boolean DEFAULT false NOT NULL,
	"process" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dual_write_divergence" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dual_write_divergence_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"kind" text NOT NULL,
	"collection" text NOT NULL,
	"key_hash" text NOT NULL,
	"redis_stamp" bigint,
	"postgres_stamp" bigint
);
--> statement-breakpoint
CREATE TABLE "dual_write_fence" (
	"id" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"term" bigint NOT NULL,
	"role" text NOT NULL,
	"redis_given_up" boolean DEFAULT false NOT NULL,
	"complete_all" boolean DEFAULT false NOT NULL,
	"complete" text[] DEFAULT '{}' NOT NULL,
	"incomplete" text[] DEFAULT '{}' NOT NULL,
	CONSTRAINT "dual_write_fence_one_row" CHECK ("dual_write_fence"."id" = 1),
	CONSTRAINT "dual_write_fence_role" CHECK ("dual_write_fence"."role" in ('authority', 'closed', 'mirror'))
);
--> statement-breakpoint
CREATE TABLE "dual_write_leases" (
	"process_id" text PRIMARY KEY NOT NULL,
	"strategy" text NOT NULL,
	"stage" smallint NOT NULL,
	"host" text NOT NULL,
	"pid" integer NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dual_write_log" (
	"collection" text NOT NULL,
	"record_id" text NOT NULL,
	"stamp" bigint NOT NULL,
	"logged_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "dual_write_log_pkey" PRIMARY KEY("collection","record_id")
);
--> statement-breakpoint
CREATE TABLE "dual_write_log_overflow" (
	"collection" text PRIMARY KEY NOT NULL,
	"since" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dual_write_rejects" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dual_write_rejects_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"collection" text NOT NULL,
	"key" text NOT NULL,
	"reason" text NOT NULL,
	"value" "bytea",
	"source" text NOT NULL,
	"first_seen" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"attempts" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "dual_write_rejects_key" UNIQUE("collection","key")
);
--> statement-breakpoint
CREATE TABLE "dual_write_verify_runs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dual_write_verify_runs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"collection" text NOT NULL,
	"compared" bigint DEFAULT 0 NOT NULL,
	"differences" jsonb,
	"clean" boolean
);
--> statement-breakpoint
CREATE TABLE "subscriptions" (
	"holder" text PRIMARY KEY NOT NULL,
	"holder_kind" text,
	"user_id" text,
	"email" text,
	"ip" text,
	"kind" text,
	"subscription_id" text,
	"customer_id" text,
	"price_id" text,
	"product_id" text,
	"plan_name" text,
	"plan_display_name" text,
	"status" text,
	"tier_level" integer,
	"thread_limit" integer,
	"features" text[],
	"is_annual" boolean,
	"monthly_price" integer,
	"annual_price" integer,
	"current_period_start" timestamp (3) with time zone,
	"current_period_end" timestamp (3) with time zone,
	"cancel_at_period_end" boolean,
	"ends_at" timestamp (3) with time zone,
	"granted_at" timestamp (3) with time zone,
	"duration_days" integer,
	"payment_info" jsonb,
	"sync_stamp" bigint DEFAULT 0 NOT NULL,
	"sync_expires_at" timestamp (3) with time zone,
	"sync_operations" text[] DEFAULT '{}' NOT NULL,
	"sync_original" "bytea",
	CONSTRAINT "subscriptions_holder_kind_check" CHECK ("subscriptions"."holder_kind" in ('user', 'email', 'ip')),
	CONSTRAINT "subscriptions_kind_check" CHECK ("subscriptions"."kind" in ('subscription', 'grant'))
);
--> statement-breakpoint
CREATE TABLE "threads" (
	"id" text PRIMARY KEY NOT NULL,
	"url" text,
	"text_hash" text,
	"title" text,
	"tweets" jsonb,
	"original_content" text,
	"source_url" text,
	"ai_model" text,
	"generation_time_ms" integer,
	"ttl_seconds" integer,
	"sync_stamp" bigint DEFAULT 0 NOT NULL,
	"sync_expires_at" timestamp (3) with time zone,
	"sync_operations" text[] DEFAULT '{}' NOT NULL,
	"sync_original" "bytea"
);
--> statement-breakpoint
CREATE TABLE "usage_log" (
	"id" text PRIMARY KEY NOT NULL,
	"logged_at" timestamp (3) with time zone,
	"ip" text,
	"email" text,
	"date" text,
	"month" text,
	"sync_stamp" bigint DEFAULT 0 NOT NULL,
	"sync_expires_at" timestamp (3) with time zone,
	"sync_operations" text[] DEFAULT '{}' NOT NULL,
	"sync_original" "bytea"
);
--> statement-breakpoint
CREATE TABLE "usage_tracking" (
	"id" text PRIMARY KEY NOT NULL,
	"subject_kind" text NOT NULL,
	"subject" text NOT NULL,
	"period" text NOT NULL,
	"bucket" text NOT NULL,
	"count" bigint NOT NULL,
	"sync_stamp" bigint DEFAULT 0 NOT NULL,
	"sync_expires_at" timestamp (3) with time zone,
	"sync_operations" text[] DEFAULT '{}' NOT NULL,
	"sync_generation" bigint DEFAULT 0 NOT NULL,
	"sync_redis_part" bigint DEFAULT 0 NOT NULL,
	"sync_postgres_part" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "user_sessions" (
	"token" text PRIMARY KEY NOT NULL,
	"user_id" text,
	"session_token" text,
	"refresh_token" text,
	"device_id" text,
	"ip_address" text,
	"user_agent" text,
	"device_name" text,
	"is_active" boolean,
	"is_remember_me" boolean,
	"created_at" timestamp (3) with time zone,
	"ends_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	"sync_stamp" bigint DEFAULT 0 NOT NULL,
	"sync_expires_at" timestamp (3) with time zone,
	"sync_operations" text[] DEFAULT '{}' NOT NULL,
	"sync_original" "bytea"
);
--> statement-breakpoint
CREATE TABLE "users" (
	"email" text PRIMARY KEY NOT NULL,
	"id" text,
	"subscribed_at" timestamp (3) with time zone,
	"source" text,
	"user_agent" text,
	"referrer" text,
	"utm_source" text,
	"role" text,
	"name" text,
	"extra" jsonb,
	"sync_stamp" bigint DEFAULT 0 NOT NULL,
	"sync_expires_at" timestamp (3) with time zone,
	"sync_operations" text[] DEFAULT '{}' NOT NULL,
	"sync_original" "bytea"
);
--> statement-breakpoint
CREATE INDEX "dual_write_divergence_collection" ON "dual_write_divergence" USING btree ("collection","at");--> statement-breakpoint
CREATE INDEX "dual_write_log_oldest" ON "dual_write_log" USING btree ("collection","stamp");--> statement-breakpoint
CREATE INDEX "dual_write_verify_runs_collection" ON "dual_write_verify_runs" USING btree ("collection","started_at");--> statement-breakpoint
CREATE INDEX "subscriptions_subscription_id_idx" ON "subscriptions" USING btree ("subscription_id");--> statement-breakpoint
CREATE INDEX "subscriptions_sync_expires_at_idx" ON "subscriptions" USING btree ("sync_expires_at");--> statement-breakpoint
CREATE INDEX "threads_url_idx" ON "threads" USING hash ("url");--> statement-breakpoint
CREATE INDEX "threads_source_url_idx" ON "threads" USING hash ("source_url");--> statement-breakpoint
CREATE INDEX "threads_sync_expires_at_idx" ON "threads" USING btree ("sync_expires_at");--> statement-breakpoint
CREATE INDEX "usage_log_logged_at_idx" ON "usage_log" USING btree ("logged_at");--> statement-breakpoint
CREATE INDEX "usage_log_sync_expires_at_idx" ON "usage_log" USING btree ("sync_expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "usage_tracking_subject_period_bucket_key" ON "usage_tracking" USING btree ("subject_kind","subject","period","bucket");--> statement-breakpoint
CREATE INDEX "usage_tracking_sync_expires_at_idx" ON "usage_tracking" USING btree ("sync_expires_at");--> statement-breakpoint
CREATE INDEX "user_sessions_user_id_idx" ON "user_sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "user_sessions_sync_expires_at_idx" ON "user_sessions" USING btree ("sync_expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "users_email_lower_key" ON "users" USING btree (lower("email"));--> statement-breakpoint
CREATE INDEX "users_id_idx" ON "users" USING btree ("id");--> statement-breakpoint
CREATE INDEX "users_sync_expires_at_idx" ON "users" USING btree ("sync_expires_at");