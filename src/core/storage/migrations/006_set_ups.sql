-- How often somebody has begun to set up a factor tells their accounts apart in an authenticator app.
CREATE INDEX enrollments_of_user ON enrollments (user_id, factor_type);
